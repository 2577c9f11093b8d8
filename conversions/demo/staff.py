"""The demo's own team and what it did: people, the sandbox, imports, opt-outs, the trail, the processor's pulse."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaigns.models import ContactAttempt
from conversions.demo import words
from conversions.demo.chance import Dice, made_id
from conversions.demo.content import Content
from conversions.demo.people import Person, import_times
from integrations.models import IntegrationConfig
from leads.models import ImportJob, ImportRow, Lead, Suppression
from leads.suppression import addresses_of, digest
from retention_center.health import PROCESSOR
from retention_center.lib.models import Identified
from retention_center.models import AuditEvent, Heartbeat, Role, User
from sequences.models import SequenceEnrollment

RATES = {"delivered": 0.9, "replied": 0.02, "failed": 0.02}
TEAM = (("Kaija Ozola", Role.OPERATOR), ("Owen Hughes", Role.OPERATOR), ("Priya Nair", Role.VIEWER))
REJECTED = (
    (
        "email",
        "not_an_email",
        "This is not an e-mail address.",
        {"E-mail": "jonas at example.org", "First name": "Jonas"},
    ),
    ("phone", "too_short", "The phone number is too short.", {"Phone": "+44 12", "First name": "Wanda"}),
    ("", "nothing_to_reach", "Neither an e-mail address nor a phone number.", {"First name": "Teo"}),
)


def hire(rng: Dice, now: datetime) -> list[User]:
    """Three members of staff. They have no password: an admin gives them one, or the Auth Center lets them in."""
    joined = now - timedelta(days=220)
    team = []
    for name, role in TEAM:
        email = f"{name.split()[0]}@northlight.example.com".lower()
        user = User(id=made_id(rng, joined), email=email, name=name, role=role, created_at=joined, updated_at=joined)
        user.set_unusable_password()
        team.append(user)
    return team


def sandbox() -> IntegrationConfig:
    return IntegrationConfig(provider="sandbox", type="sandbox", config=RATES, is_active=True)


def imports(
    rng: Dice, people: Sequence[Person], team: Sequence[User], now: datetime
) -> tuple[list[ImportJob], list[ImportRow]]:
    """A file for every batch of uploaded leads, with a few rows that were no good."""
    jobs, rows = [], []
    for (name, _days), at in zip(words.IMPORTS, import_times(now), strict=True):
        came = [person.lead for person in people if person.lead.source == "UPLOAD" and person.lead.created_at == at]
        job = ImportJob(
            id=made_id(rng, at),
            filename=name,
            encoding="utf-8",
            delimiter="" if name.endswith("xlsx") else ",",
            columns=["First name", "Last name", "E-mail", "Phone"],
            mapping={"First name": "firstName", "Last name": "lastName", "E-mail": "email", "Phone": "phone"},
            region="US",
            rows=len(came) + len(REJECTED),
            processed=len(came) + len(REJECTED),
            created=len(came),
            invalid=len(REJECTED),
            created_by=team[0],
            created_at=at,
            updated_at=at + timedelta(seconds=30),
        )
        jobs.append(job)
        rows += [ImportRow(import_job=job, number=n, outcome="created", lead=lead) for n, lead in enumerate(came, 1)]
        for n, (field, code, message, cells) in enumerate(REJECTED, len(came) + 1):
            problems = [{"field": field, "code": code, "message": message}]
            rows.append(ImportRow(import_job=job, number=n, outcome="invalid", problems=problems, cells=cells))
    return jobs, rows


def opt_outs(rng: Dice, left: Sequence[tuple[Lead, str, datetime]]) -> list[Suppression]:
    """Every address of a lead that said no, barred on all channels; the lead's meta says which channel it was."""
    rows = []
    for lead, channel, at in left:
        source = {"EMAIL": "unsubscribe link", "SMS": "STOP"}.get(channel, "staff")
        lead.meta = lead.meta | {"optOut": {channel.lower(): {"at": at.isoformat(), "source": source}}}
        rows += [
            Suppression(
                id=made_id(rng, at),
                address=address,
                address_digest=digest(address),
                reason="opted_out",
                source=source,
                lead=lead,
                created_at=at,
                recorded_at=at,
            )
            for address in addresses_of(lead)
        ]
    return rows


def trail(
    rng: Dice,
    content: Content,
    jobs: Sequence[ImportJob],
    enrollments: Sequence[SequenceEnrollment],
    team: Sequence[User],
) -> list[AuditEvent]:
    """Who built, started, imported and paused what."""
    events = []
    for campaign in content.campaigns:
        events.append(_event(rng, team[0], "create", campaign, campaign.created_at))
        if campaign.start_date:
            events.append(_event(rng, team[0], "activate", campaign, campaign.start_date))
    for _plan, sequence, _steps in content.sequences:
        events.append(_event(rng, team[1], "create", sequence, sequence.created_at))
        if sequence.activated_at:
            events.append(_event(rng, team[1], "activate", sequence, sequence.activated_at))
    events += [_event(rng, team[0], "import leads", job, job.created_at) for job in jobs]
    paused = [one for one in enrollments if one.status == SequenceEnrollment.Status.PAUSED]
    return events + [_event(rng, team[1], "pause", one, one.updated_at) for one in paused]


def _event(rng: Dice, user: User, action: str, obj: Identified, at: datetime) -> AuditEvent:
    return AuditEvent(
        id=made_id(rng, at),
        at=at,
        actor=user,
        actor_name=user.name,
        via="page",
        action=action,
        object_type=str(obj._meta.model_name),
        object_id=obj.pk,
        object_label=str(obj)[:200],
    )


def pulse(rng: Dice, attempts: Sequence[ContactAttempt], now: datetime) -> list[Heartbeat]:
    """The processor's last hour, minute by minute, with what it really sent."""
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=59)
    sent = [0] * 60
    for attempt in attempts:
        number = int((attempt.started_at - start).total_seconds() // 60)
        if 0 <= number < 60 and not attempt.was_unsent:
            sent[number] += 1
    beats = []
    for n, count in enumerate(sent):
        minute, seconds = start + timedelta(minutes=n), round(0.12 + count * 0.02 + rng.random() * 0.1, 2)
        at = min(minute + timedelta(seconds=12), now)
        beats.append(
            Heartbeat(name=PROCESSOR, minute=minute, at=at, rounds=1, sent=count, seconds=seconds, last={"sent": count})
        )
    return beats
