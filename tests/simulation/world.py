"""What a seed's world is made of: few leads, short sequences, tight rules. Small and mixed finds more than big."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.apps import apps
from django.db import connection, transaction

from campaigns.models import ContactPolicy, Script
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from sequences.models import RetentionSequence, SequenceStep
from sequences.publishing import StepSpec
from tests import builders
from tests.simulation.provider import FAULTS

ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Auckland", "Asia/Kolkata")
HOURS = (("08:00", "21:00"), ("09:00", "17:00"), ("20:00", "02:00"), ("00:00", "24:00"))
CHANNELS = (Channel.EMAIL, Channel.SMS)
UNITS = SequenceStep.DelayUnit
APPS = ("leads", "integrations", "campaigns", "sequences", "conversions", "retention_center")
KEPT = ("secret",)  # made once, at the first migration


@dataclass(slots=True)
class World:
    """The rows a history begins with, and what the dice made of the outside."""

    leads: list[Lead]
    sequences: list[RetentionSequence]
    scripts: dict[str, Script]
    hours: tuple[str, str]
    cap: int
    provider_class: str
    rates: dict[str, float]
    report_rate: float
    reply_rate: float
    workers: int
    arrivals: int
    zones: dict[str, str] = field(default_factory=dict)


def empty_the_database() -> None:
    """Take every row of ours away."""
    tables = [
        model._meta.db_table
        for name in APPS
        for model in apps.get_app_config(name).get_models(include_auto_created=True)
        if model._meta.model_name not in KEPT and model._meta.managed
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")


def build(random: Random) -> World:
    """Draw a world and write its rows."""
    hours, cap = random.choice(HOURS), random.choice((1, 1, 2, 3))
    ContactPolicy.objects.create(
        contact_hours_start=hours[0],
        contact_hours_end=hours[1],
        max_contacts_per_day=cap,
        delay_between_channels=random.choice((0, 0, 2 * 3_600_000)),
        late_after_hours=random.choice((24, 72, 1000)),
    )
    builders.make_integration("simulated", **({"ratePerSecond": 2} if random.random() < 0.15 else {}))
    scripts = {channel: builders.make_script(channel) for channel in CHANNELS}
    world = World(
        leads=[],
        sequences=[_sequence(random, scripts) for _ in range(random.choice((1, 1, 2)))],
        scripts=scripts,
        hours=hours,
        cap=cap,
        provider_class=random.choice("ABBC"),
        rates={fault: random.choice((0, 0, 0, 0.1, 0.3)) for fault in (*FAULTS, "lookup_down")},
        report_rate=random.choice((0, 0.2, 0.5)),
        reply_rate=random.choice((0, 0.1)),
        workers=random.choice((2, 2, 3)),
        arrivals=random.choice((0, 0, 1, 2)),
    )
    for _ in range(random.randint(1, 4)):
        arrive(world, random)
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


def _sequence(random: Random, scripts: dict[str, Script]) -> RetentionSequence:
    steps = []
    for _ in range(random.randint(1, 4)):
        channel = random.choice(CHANNELS)
        rule = random.choice(SequenceStep.OnFailure.values)
        steps.append({"channel": channel, "script": scripts[channel], "on_failure": rule} | _delay(random))
    trigger = RetentionSequence.Trigger.NEW_LEAD if random.random() < 0.25 else RetentionSequence.Trigger.MANUAL
    return builders.make_sequence(steps, trigger_type=trigger, stop_on_reply=random.random() < 0.5)


def _delay(random: Random) -> dict[str, Any]:
    unit = random.choice((UNITS.HOURS, UNITS.HOURS, UNITS.DAYS))
    return {"delay_value": random.choice((0, 0, 1, 2)), "delay_unit": unit}
