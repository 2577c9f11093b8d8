"""The whole demo, from an empty database to ninety days of a small team's work."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import models, transaction

from campaigns.models import Campaign, Script
from campaigns.windows import DAY_CODES, Rules
from conversions.demo import content as plans
from conversions.demo import finish, money, staff
from conversions.demo.chance import SEED, Dice, made_id, working_moment
from conversions.demo.content import Content
from conversions.demo.history import Story
from conversions.demo.people import Person, invite
from conversions.demo.rows import Rows
from leads.models import Lead
from retention_center.models import User
from sequences.models import RetentionSequence, SequenceVersion

CHUNK = 1000
OFFICE = ZoneInfo("Europe/Riga")
WEEKDAYS = Rules(days=frozenset(DAY_CODES[:5]), gap=timedelta(hours=24))


class NotEmpty(Exception):
    """The database holds leads already; its text tells staff what to do."""


def build(count: int, now: datetime) -> dict[str, int]:
    """Write the demo with ``count`` leads into an empty database: how many rows of each kind it made."""
    if Lead.objects.exists():
        raise NotEmpty("This database already holds leads; demo data is only written into an empty one.")
    rng = Dice(SEED)
    content = plans.write(rng, now)
    people = invite(rng, count, now)
    rows = Rows()
    for person in people:
        _live(rng, person, content, rows, now)
    finish.touch_up(rng, rows, now)
    return _save(rng, content, people, rows, now)


def _live(rng: Dice, person: Person, content: Content, rows: Rows, now: datetime) -> None:
    story = Story(rng, person, rows, Rules(), now)
    for plan, sequence, steps in content.sequences:
        stops_at = now - timedelta(days=plan.stopped) if plan.stopped else None
        start = _entrance(rng, person.lead, plan, sequence, stops_at or now)
        if start:
            story.enroll(start, sequence, steps, stops_at)
    for campaign, (_name, _status, _channels, started, _ended, share) in zip(
        content.campaigns, plans.CAMPAIGNS, strict=True
    ):
        if rng.random() * 100 < share:
            _assign(rng, story, campaign, content.scripts, now - timedelta(days=started), now)
    story.tell()


def _entrance(
    rng: Dice, lead: Lead, plan: plans.SequencePlan, sequence: RetentionSequence, end: datetime
) -> datetime | None:
    """When the lead enters the sequence, by its trigger or by hand; None: never."""
    active_from = sequence.activated_at
    if active_from is None:
        return None
    if plan.trigger == "manual":
        start = max(lead.created_at, active_from) + timedelta(minutes=5)
        is_chosen = rng.random() * 100 < plan.share and start < end
        return working_moment(rng, start, end, OFFICE) if is_chosen else None
    if lead.source != plan.config["source"]:
        return None
    if plan.trigger == "new_lead":
        start = lead.created_at + timedelta(seconds=rng.randrange(5, 60))
        return start if active_from <= lead.created_at and start < end else None
    old_enough = lead.created_at + timedelta(hours=int(str(plan.config["minAgeHours"])))
    start = max(old_enough, active_from) + timedelta(seconds=rng.randrange(5, 60))
    return start if start < end else None


def _assign(
    rng: Dice, story: Story, campaign: Campaign, scripts: dict[str, Script], started: datetime, now: datetime
) -> None:
    start = max(started, story.lead.created_at + timedelta(minutes=10))
    over = campaign.end_date or now
    if start >= over:
        return
    paused_at = now - timedelta(days=8) if campaign.status == Campaign.Status.PAUSED else None
    until = campaign.end_date or paused_at or now + timedelta(days=1)
    last = min(start + timedelta(days=20), until, now)
    at = working_moment(rng, start, last, OFFICE) if start < last else start
    chosen = [scripts[plans.CAMPAIGN_SCRIPTS[channel]] for channel in campaign.channels]
    story.assign(at, campaign, chosen, until, WEEKDAYS)


def _save(rng: Dice, content: Content, people: list[Person], rows: Rows, now: datetime) -> dict[str, int]:
    """Everything in one transaction, what is pointed at first."""
    team = staff.hire(rng, now)
    jobs, import_rows = staff.imports(rng, people, team, now)
    suppressions = staff.opt_outs(rng, rows.opt_outs)
    conversions = money.earn(rng, rows.purchases, now)
    in_order: list[tuple[str, Iterable[models.Model]]] = [
        ("users", team),
        ("integrations", [staff.sandbox()]),
        ("campaigns", content.campaigns),
        ("scripts", content.scripts.values()),
        ("sequences", [sequence for _plan, sequence, _steps in content.sequences]),
        ("steps", [step for _plan, _sequence, steps in content.sequences for step, _script in steps]),
        ("leads", [person.lead for person in people]),
        ("suppressions", suppressions),
        ("imports", jobs),
        ("import_rows", import_rows),
        ("enrollments", rows.enrollments),
        ("campaign_leads", rows.campaign_leads),
        ("attempts", rows.attempts),
        ("executions", rows.executions),
        ("conversions", conversions),
        ("audit_events", staff.trail(rng, content, jobs, rows.enrollments, team)),
        ("heartbeats", staff.pulse(rng, rows.attempts, now)),
        ("versions", [_published(rng, sequence, team) for _plan, sequence, _steps in content.sequences]),
    ]
    with transaction.atomic():
        return {name: _insert(list(objects)) for name, objects in in_order}


def _published(rng: Dice, sequence: RetentionSequence, team: list[User]) -> SequenceVersion:
    made = sequence.created_at
    author = str(rng.choice(team))
    return SequenceVersion(id=made_id(rng, made), sequence=sequence, version=1, published_at=made, published_by=author)


def _insert(objects: list[models.Model]) -> int:
    if objects:
        type(objects[0])._base_manager.bulk_create(objects, batch_size=CHUNK)
    return len(objects)
