"""What the demo's staff have built: scripts, campaigns, and sequences of every status and trigger."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.models import Campaign, Script
from conversions.demo.chance import Dice, made_id
from retention_center.lib.channels import Channel
from sequences.models import RetentionSequence, SequenceStep

EMAIL, SMS, CALL, WEBHOOK = Channel
SITE = "{{ trackingUrl | default: 'https://northlight.example.com' }}"
_FOOT = "\n\nYour team at Northlight"
SCRIPTS: dict[str, tuple[str, str, str, str]] = {  # key: channel, name, subject, text
    "welcome": (
        EMAIL,
        "Welcome aboard",
        "Welcome, {{ firstName | default: 'friend' }}",
        "Hello {{ firstName | default: 'there' }},\n\nyour {{ meta.plan | default: 'new' }} plan is ready. Three "
        "minutes are enough to set it up: LINK" + _FOOT,
    ),
    "tips": (
        EMAIL,
        "Three things people miss",
        "Three things most people find late",
        "Hello {{ firstName | default: 'there' }},\n\nmost people find these three after a month. Have them today: "
        "LINK" + _FOOT,
    ),
    "nudge": (
        SMS,
        "Set-up nudge",
        "",
        "Hi {{ firstName | default: 'there' }}, your plan waits: LINK",
    ),
    "offer": (
        EMAIL,
        "Two months for one",
        "Two months for the price of one",
        "Hello {{ firstName | default: 'there' }},\n\nuntil Sunday your {{ meta.plan | default: 'old' }} plan costs "
        "half: LINK" + _FOOT,
    ),
    "reminder": (
        SMS,
        "Offer ends",
        "",
        "{{ firstName | default: 'Hello' }}, half price ends Sunday: LINK",
    ),
    "call": (
        CALL,
        "Friendly check-in",
        "",
        "You are calling {{ firstName | default: 'a customer' }} about their {{ meta.plan | default: 'earlier' }} "
        "plan. Ask what stopped them, offer help, and never push.",
    ),
    "letter": (
        EMAIL,
        "Monthly letter",
        "What is new this month",
        "Hello {{ firstName | default: 'there' }},\n\nnew this month: shared calendars and a lighter app. LINK" + _FOOT,
    ),
    "goodbye": (
        EMAIL,
        "Last word",
        "Shall we keep your place?",
        "Hello {{ firstName | default: 'there' }},\n\nwe keep your settings for another month. After that they go. "
        "LINK" + _FOOT,
    ),
    "smtp": (
        EMAIL,
        "Contract papers",
        "Your papers, {{ firstName | default: 'as promised' }}",
        "Hello {{ firstName | default: 'there' }},\n\nhere are the papers you asked for: LINK" + _FOOT,
    ),
    "hook": (
        WEBHOOK,
        "Tell the loyalty desk",
        "",
        '{"customer": "{{ externalId | default: "none" }}", "plan": "{{ meta.plan | default: "none" }}"}',
    ),
}
DEFAULTS = {"welcome", "nudge", "call", "hook"}
REAL_SENDER = {"smtp": "smtp"}  # this script insists on a provider that was switched off two days ago

CAMPAIGNS: tuple[tuple[str, str, tuple[str, ...], int, int | None, int], ...] = (
    # name, status, channels, started days ago, ended days ago, per cent of the leads
    ("Spring win-back", "COMPLETED", (EMAIL, SMS), 88, 52, 34),
    ("Summer half price", "COMPLETED", (EMAIL, SMS, CALL), 55, 24, 30),
    ("Lapsed card holders", "ACTIVE", (EMAIL, SMS), 38, None, 32),
    ("Partner referrals", "ACTIVE", (EMAIL, SMS), 17, None, 14),
    ("Upgrade to Family", "PAUSED", (EMAIL, CALL), 30, None, 12),
    ("Winter warm-up", "DRAFT", (EMAIL, SMS), 0, None, 0),
)
CAMPAIGN_SCRIPTS = {EMAIL: "offer", SMS: "reminder", CALL: "call", WEBHOOK: "hook"}


@dataclass(frozen=True)
class SequencePlan:
    """``stopped``: how many days ago it was paused or archived; ``share``: per cent of leads enrolled by hand."""

    name: str
    description: str
    status: str
    trigger: str
    steps: tuple[tuple[str, int, str], ...]  # script key, delay, unit
    config: dict[str, object] = field(default_factory=dict)
    active_for: int = 95
    stopped: int = 0
    share: int = 0


SEQUENCES = (
    SequencePlan(
        "Welcome in five steps",
        "Everyone who signs up through the app.",
        "ACTIVE",
        "new_lead",
        (
            ("welcome", 1, "HOURS"),
            ("nudge", 1, "DAYS"),
            ("tips", 6, "DAYS"),
            ("call", 1, "WEEKS"),
            ("offer", 1, "WEEKS"),
        ),
        {"source": "API", "lookbackMinutes": 15},
    ),
    SequencePlan(
        "No purchase after 30 days",
        "CRM contacts who never bought.",
        "ACTIVE",
        "no_conversion",
        (("offer", 2, "HOURS"), ("reminder", 2, "DAYS"), ("call", 5, "DAYS"), ("goodbye", 1, "WEEKS")),
        {"source": "CRM", "minAgeHours": 720},
        active_for=92,
    ),
    SequencePlan(
        "Lapsed members",
        "Enrolled by the team after the monthly review.",
        "ACTIVE",
        "manual",
        (
            ("letter", 1, "HOURS"),
            ("offer", 1, "WEEKS"),
            ("reminder", 1, "DAYS"),
            ("call", 6, "DAYS"),
            ("goodbye", 1, "WEEKS"),
        ),
        share=50,
    ),
    SequencePlan(
        "Card expires soon",
        "Before a payment fails.",
        "ACTIVE",
        "manual",
        (("tips", 1, "HOURS"), ("nudge", 1, "DAYS"), ("smtp", 6, "DAYS"), ("hook", 1, "DAYS")),
        active_for=60,
        share=26,
    ),
    SequencePlan(
        "Landing page follow-up",
        "Paused while the page is rewritten.",
        "PAUSED",
        "new_lead",
        (("welcome", 1, "HOURS"), ("nudge", 2, "DAYS"), ("tips", 1, "WEEKS")),
        {"source": "LANDING", "lookbackMinutes": 15},
        stopped=4,
    ),
    SequencePlan(
        "Quiet studio customers",
        "Waits for the new price list.",
        "PAUSED",
        "no_conversion",
        (("letter", 3, "HOURS"), ("call", 3, "DAYS"), ("offer", 1, "WEEKS")),
        {"source": "MANUAL", "minAgeHours": 1440},
        active_for=48,
        stopped=9,
    ),
    SequencePlan(
        "Newsletter permission",
        "Done; kept for its figures.",
        "ARCHIVED",
        "manual",
        (("letter", 1, "HOURS"), ("tips", 1, "WEEKS"), ("goodbye", 1, "WEEKS")),
        stopped=20,
        share=38,
    ),
    SequencePlan(
        "Birthday month",
        "Waits for a script review.",
        "DRAFT",
        "manual",
        (("letter", 1, "DAYS"), ("offer", 1, "WEEKS")),
    ),
)


@dataclass
class Content:
    """The rows, unsaved, and how to find them by the plan's own keys."""

    scripts: dict[str, Script]
    campaigns: list[Campaign]
    sequences: list[tuple[SequencePlan, RetentionSequence, list[tuple[SequenceStep, Script]]]]


def write(rng: Dice, now: datetime) -> Content:
    """All scripts, campaigns and sequences, as the team made them before the first contact."""
    made = now - timedelta(days=200)
    scripts = {key: _script(rng, key, made + timedelta(hours=n)) for n, key in enumerate(SCRIPTS)}
    campaigns = [_campaign(rng, n, now) for n in range(len(CAMPAIGNS))]
    return Content(scripts, campaigns, [_sequence(rng, plan, scripts, now) for plan in SEQUENCES])


def _script(rng: Dice, key: str, made: datetime) -> Script:
    channel, name, subject, text = SCRIPTS[key]
    return Script(
        id=made_id(rng, made),
        name=name,
        type=channel,
        subject=subject,
        content=text.replace("LINK", SITE),
        url="https://loyalty.example.com/hooks/retention" if channel == WEBHOOK else "",
        provider=REAL_SENDER.get(key, ""),
        is_default=key in DEFAULTS,
        created_at=made,
        updated_at=made,
    )


def _campaign(rng: Dice, number: int, now: datetime) -> Campaign:
    name, status, channels, started, ended, _share = CAMPAIGNS[number]
    start = now - timedelta(days=started)
    made = start - timedelta(days=3)
    return Campaign(
        id=made_id(rng, made),
        name=name,
        description="",
        status=status,
        channels=list(channels),
        meta={"contactDays": ["MON", "TUE", "WED", "THU", "FRI"], "delayBetweenChannels": 86_400_000},
        start_date=start if status != "DRAFT" else None,
        end_date=now - timedelta(days=ended) if ended is not None else None,
        created_at=made,
        updated_at=now - timedelta(days=ended or 0),
    )


def _sequence(
    rng: Dice, plan: SequencePlan, scripts: dict[str, Script], now: datetime
) -> tuple[SequencePlan, RetentionSequence, list[tuple[SequenceStep, Script]]]:
    is_draft = plan.status == "DRAFT"
    activated = None if is_draft else now - timedelta(days=plan.active_for)
    made = (activated or now) - timedelta(days=2)
    sequence = RetentionSequence(
        id=made_id(rng, made),
        name=plan.name,
        description=plan.description,
        status=plan.status,
        channels=list(dict.fromkeys(scripts[key].type for key, _delay, _unit in plan.steps)),
        trigger_type=plan.trigger,
        trigger_config=dict(plan.config),
        version=1,
        activated_at=activated,
        created_at=made,
        updated_at=now - timedelta(days=plan.stopped) if plan.status == "PAUSED" else made,
    )
    if activated and plan.trigger != RetentionSequence.Trigger.MANUAL:
        looked_until = now - timedelta(days=plan.stopped)
        min_age = timedelta(hours=int(str(plan.config.get("minAgeHours", 0))))
        sequence.changed_cursor, sequence.age_cursor = looked_until, looked_until - min_age
        sequence.enrolls_from = None if min_age else activated
    steps = [
        (
            SequenceStep(
                id=made_id(rng, made),
                sequence=sequence,
                version=1,
                key=made_id(rng, made),
                step_order=order,
                channel=scripts[key].type,
                script=scripts[key],
                delay_value=delay,
                delay_unit=unit,
                created_at=made,
                updated_at=made,
            ),
            scripts[key],
        )
        for order, (key, delay, unit) in enumerate(plan.steps, start=1)
    ]
    return plan, sequence, steps
