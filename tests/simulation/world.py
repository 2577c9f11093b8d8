"""What a seed's world is made of: few leads, short sequences, tight rules. Small and mixed finds more than big."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from campaigns import assigning
from campaigns.models import Campaign, ContactPolicy, Script
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from sequences.models import RetentionSequence, SequenceStep
from sequences.specs import StepSpec
from tests import builders
from tests.simulation.provider import FAULTS

ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Auckland", "Asia/Kolkata")
ALWAYS = ("00:00", "24:00")
HOURS = (("08:00", "21:00"), ("09:00", "17:00"), ("20:00", "02:00"), ALWAYS, ALWAYS, ALWAYS)
CHANNELS = (Channel.EMAIL, Channel.SMS)
UNITS = SequenceStep.DelayUnit
HOUR_IN_MS = 3_600_000


@dataclass(slots=True)
class Rates:
    """How often what happens, as this seed's dice have it; never is possible, too."""

    act: float
    time: float
    report: float
    crash: float
    lost_report: float
    failed_commit: float
    lost_connection: float
    jump_back: float
    outage: float


@dataclass(slots=True)
class World:
    """The rows a history begins with, and what the dice made of the outside."""

    leads: list[Lead]
    sequences: list[RetentionSequence]
    campaign: Campaign | None
    scripts: dict[str, Script]
    hours: tuple[str, str]
    cap: int
    gap: timedelta
    provider_class: str
    faults: dict[str, float]
    report_rate: float
    reply_rate: float
    lag: timedelta
    skews: list[timedelta]  # one for each worker
    turns: int
    arrivals: int
    rates: Rates
    zones: dict[str, str] = field(default_factory=dict)

    @property
    def clocks_agree(self) -> bool:
        """Whether all recorded times may be compared with one another."""
        return not self.rates.jump_back and not any(self.skews)


def build(random: Random) -> World:
    """Draw a world and write its rows."""
    hours, cap = random.choice(HOURS), random.choice((1, 1, 2, 3))
    gap = random.choice((0, 0, 2)) * HOUR_IN_MS
    ContactPolicy.objects.create(
        contact_hours_start=hours[0],
        contact_hours_end=hours[1],
        max_contacts_per_day=cap,
        delay_between_channels=gap,
        late_after_hours=random.choice((24, 72, 1000)),
    )
    builders.make_integration("simulated", **({"ratePerSecond": 2} if random.random() < 0.15 else {}))
    scripts = {channel: builders.make_script(channel) for channel in CHANNELS}
    world = World(
        leads=[],
        sequences=[_sequence(random, scripts) for _ in range(random.choice((1, 1, 2)))],
        campaign=_campaign(random, scripts) if random.random() < 0.3 else None,
        scripts=scripts,
        hours=hours,
        cap=cap,
        gap=timedelta(milliseconds=gap),
        provider_class=random.choice("ABBC"),
        faults={fault: random.choice((0, 0, 0, 0.1, 0.3)) for fault in (*FAULTS, "lookup_down")},
        report_rate=random.choice((0, 0.2, 0.5)),
        reply_rate=random.choice((0, 0.1)),
        lag=timedelta(seconds=random.choice((0, 0, 240))),
        skews=_skews(random, random.choice((2, 2, 3))),
        turns=random.choice((20, 30, 50)),
        arrivals=random.choice((0, 0, 1, 2)),
        rates=_rates(random),
    )
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        arrive(world, random)
    if world.campaign:
        assigning.assign(world.campaign, [lead.pk for lead in world.leads], clock.now(), SYSTEM)
    return world


def arrive(world: World, random: Random) -> Lead:
    """One more lead."""
    number = len(world.leads)
    lead = builders.make_lead(
        email=f"lead{number}@example.com",
        phone=None if random.random() < 0.15 else f"+1212555{number:04d}",
        time_zone=random.choice(ZONES),
        created_at=clock.now(),
    )
    world.leads.append(lead)
    world.zones[lead.pk] = lead.time_zone
    return lead


def edited(steps: list[SequenceStep], scripts: dict[str, Script], random: Random) -> list[StepSpec]:
    """The steps as staff might change them: one gone, one more, off, moved, or with another delay."""
    specs: list[dict[str, Any]] = [
        {"key": step.key, "channel": step.channel, "is_active": step.is_active, **_delay(random)} for step in steps
    ]
    match random.choice(("remove", "add", "toggle", "swap", "delays")):
        case "remove" if len(specs) > 1:
            specs.pop(random.randrange(len(specs)))
        case "add":
            specs.insert(random.randint(0, len(specs)), {"channel": random.choice(CHANNELS), **_delay(random)})
        case "toggle" if len(specs) > 1:
            spec = random.choice(specs)
            spec["is_active"] = not spec["is_active"]
        case "swap":
            random.shuffle(specs)
    if not any(spec.get("is_active", True) for spec in specs):
        specs[0]["is_active"] = True
    return [StepSpec(**spec, script_id=scripts[spec["channel"]].pk) for spec in specs]


def _rates(random: Random) -> Rates:
    return Rates(
        act=random.choice((0.04, 0.1, 0.2)),
        time=random.choice((0.03, 0.09)),
        report=random.choice((0.05, 0.15)),
        crash=random.choice((0, 0.03, 0.06)),
        lost_report=random.choice((0, 0, 0.3)),
        failed_commit=random.choice((0, 0, 0, 0.03)),
        lost_connection=random.choice((0, 0, 0, 0.03)),
        jump_back=random.choice((0, 0, 0, 0.03)),
        outage=random.choice((0, 0, 0.01)),
    )


def _skews(random: Random, workers: int) -> list[timedelta]:
    if random.random() < 0.75:
        return [timedelta(0)] * workers
    return [timedelta(seconds=random.randint(-300, 300)) for _ in range(workers)]


def _campaign(random: Random, scripts: dict[str, Script]) -> Campaign:
    for script in scripts.values():
        script.is_default = True
        script.save(update_fields=["is_default"])
    meta = random.choice(({}, {"maxContactsPerDay": 1}, {"delayBetweenChannels": HOUR_IN_MS}))
    return builders.make_campaign(channels=random.choice((["EMAIL"], ["SMS", "EMAIL"])), meta=meta)


def _sequence(random: Random, scripts: dict[str, Script]) -> RetentionSequence:
    steps = []
    for _ in range(random.randint(1, 3)):
        channel = random.choice(CHANNELS)
        rule = random.choice(SequenceStep.OnFailure.values)
        steps.append({"channel": channel, "script": scripts[channel], "on_failure": rule} | _delay(random))
    trigger = RetentionSequence.Trigger.NEW_LEAD if random.random() < 0.25 else RetentionSequence.Trigger.MANUAL
    return builders.make_sequence(steps, trigger_type=trigger, stop_on_reply=random.random() < 0.5)


def _delay(random: Random) -> dict[str, Any]:
    unit = random.choice((UNITS.HOURS, UNITS.HOURS, UNITS.DAYS))
    return {"delay_value": random.choice((0, 0, 1, 2)), "delay_unit": unit}
