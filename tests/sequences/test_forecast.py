"""The forecast is what then really happens: the same leads, channels and days, told beforehand and without a trace."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import ContactAttempt, ContactPolicy, SendingPause
from leads.models import Lead
from leads.suppression import suppress
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import AuditEvent, Job
from campaigns.delivery.facts import surroundings
from integrations.providers.registry import ActiveProviders
from sequences import forecast_job, processor
from sequences.enrolling import enroll, pause
from sequences.forecast import Bounds, CannotForecast, forecast
from sequences.forecast_pace import Lanes
from sequences.forecast_runs import Plan
from sequences.forecast_scripts import Fitting
from sequences.forecast_tally import Tally
from sequences.forecast_walk import Walk
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAYS = 5
AGE = 48 * HOUR
JITTER = timedelta(minutes=30)  # those who wait for one opening leave a little apart
RIGA = ZoneInfo("Europe/Riga")


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


def enter(sequence: RetentionSequence, leads: list[Lead], at: datetime) -> None:
    enroll(sequence, [lead.pk for lead in leads], now=at, source="manual", actor=SYSTEM)


def contacts_by_lead(
    sequence: RetentionSequence, now: datetime, end: datetime
) -> dict[str, list[tuple[datetime, str]]]:
    """Who gets what when: the parts of a forecast, played as it does."""
    plan = Plan.load(sequence, now, end, 1000)
    providers = ActiveProviders.load()
    lanes, fitting = Lanes(providers.rates(), now), Fitting(tracks=False)
    found = {}
    for _size, runs in plan.runs():
        around = surroundings([run.lead for run in runs], now)
        walk = Walk(sequence, plan.steps, now, end, lanes, fitting, Tally(RIGA, {}), around)
        found |= {run.lead.pk: contacts for run in runs if (contacts := walk.run(run))}
    return found


def what_happens(sequence: RetentionSequence, now: datetime, end: datetime) -> dict[str, list[tuple[datetime, str]]]:
    """Run the processor whenever something is due or somebody comes of age, until ``end``."""
    known = set(ContactAttempt.objects.values_list("pk", flat=True))
    of_age = [made_at + AGE for made_at in Lead.objects.values_list("created_at", flat=True)]
    at = now
    while at < end:
        processor.run(at, until_idle=True)
        due = SequenceStepExecution.objects.scheduled().filter(due_at__gt=at).values_list("due_at", flat=True)
        at = min([end, *due, *(moment for moment in of_age if moment > at)])
    found: dict[str, list[tuple[datetime, str]]] = {}
    rows = ContactAttempt.objects.exclude(pk__in=known).order_by("started_at")
    for lead_id, started_at, channel in rows.values_list("lead_id", "started_at", "channel"):
        found.setdefault(lead_id, []).append((started_at, channel))
    return found


def by_day(contacts: dict[str, list[tuple[datetime, str]]]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for at, channel in (contact for every in contacts.values() for contact in every):
        found.setdefault(at.astimezone(RIGA).date().isoformat(), Counter())[channel] += 1
    return {day: dict(counts) for day, counts in found.items()}


def days(contacts: dict[str, list[tuple[datetime, str]]]) -> dict[str, list[tuple[str, str]]]:
    return {
        lead: [(at.astimezone(RIGA).date().isoformat(), channel) for at, channel in every]
        for lead, every in contacts.items()
    }


def days_of(result: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {row["date"]: row["by_channel"] for row in result["days"] if row["contacts"]}


# What is foreseen is what happens ----------------------------------------------------------------------------------


def a_world(seed: int, now: datetime) -> RetentionSequence:
    """People in several zones, some unreachable, somewhere in a sequence of steps, rules and conditions."""
    dice = Random(seed)
    ContactPolicy.objects.update_or_create(
        pk=1,
        defaults={
            "contact_hours_start": dice.choice(["08:00", "10:00", "00:00"]),
            "contact_hours_end": dice.choice(["12:00", "21:00", "24:00"]),
            "contact_days": dice.choice([["MON", "TUE", "WED", "THU", "FRI"], ["MON", "WED", "THU", "SAT", "SUN"]]),
            "max_contacts_per_day": dice.choice([1, 2, 3]),
            "delay_between_channels": dice.choice([0, 3_600_000, 18_000_000]),
        },
    )
    steps = [_a_step(dice, order) for order in range(1, 6)]
    trigger = dice.choice(["manual", "new_lead", "no_conversion"])
    sequence = make_sequence(steps, trigger_type=trigger, trigger_config={"source": "CRM", "minAgeHours": 48})
    zones = ["UTC", "America/New_York", "Asia/Tokyo", "Europe/Riga"]
    leads = [
        make_lead(
            time_zone=dice.choice(zones),
            first_name=dice.choice(["Ada", "Ada", ""]),
            **({"phone": None} if dice.random() < 0.3 else {"email": None} if dice.random() < 0.2 else {}),
        )
        for _ in range(8)
    ]
    Lead.objects.update(created_at=now - 400 * DAY)
    suppress(
        leads[0].email or "nobody@example.com", channel="EMAIL", reason="asked", source="staff", now=now, actor=SYSTEM
    )
    enter(sequence, leads[:4], now - 30 * HOUR)
    for at in (now - 30 * HOUR, now - 20 * HOUR):
        processor.run(at, until_idle=True)
    enter(sequence, leads[4:], now - 2 * HOUR)
    for hours in (60, 30, 5):  # they enter by themselves, now or when they have come of age
        make_lead(source="CRM", time_zone=dice.choice(zones), created_at=now - hours * HOUR)
    make_campaign_lead(make_campaign(meta={"maxContactsPerDay": 1}), leads[5])
    make_attempt(leads[6], started_at=now - HOUR, called_at=now - HOUR, provider_ref="earlier")
    return sequence


def _a_step(dice: Random, order: int) -> dict[str, Any]:
    channel = dice.choice([Channel.EMAIL, Channel.SMS, Channel.CALL])
    unit = dice.choice(["HOURS", "DAYS"])
    name = dice.choice(["{{ firstName }}", '{{ firstName | default: "you" }}'])
    step: dict[str, Any] = {
        "channel": channel,
        "delay_value": dice.choice([0, 1, 2] if unit == "DAYS" else [0, 3, 7]),
        "delay_unit": unit,
        "is_active": order == 1 or dice.random() > 0.15,
        "script": make_script(channel, content=f"Hello {name}."),
    }
    if order > 2 and dice.random() < 0.5:
        field, op, value = dice.choice(
            [("step.step-1.result", "is", "sent"), ("status", "is", "CONTACTED"), ("source", "is_not", "CRM")]
        )
        step["conditions"] = [{"field": field, "op": op, "value": value}]
    return step


@pytest.mark.parametrize("seed", range(6))
def test_what_is_foreseen_is_what_the_processor_then_does_lead_by_lead_and_day_by_day(seed, now, settings):
    settings.TIME_ZONE = "Europe/Riga"
    sequence = a_world(seed, now)
    end = datetime.combine(now.astimezone(RIGA).date() + DAYS * DAY, datetime.min.time(), RIGA)

    told = forecast(sequence, DAYS, now)
    foreseen = contacts_by_lead(sequence, now, end)
    happened = what_happens(sequence, now, end)

    assert days(foreseen) == days(happened)
    for lead, contacts in happened.items():
        assert all(abs(told_at - at) < JITTER for (told_at, _), (at, _) in zip(foreseen[lead], contacts, strict=True))
    assert days_of(told) == by_day(happened)
    assert told["totals"]["contacted"] == len(happened)
    ended = SequenceEnrollment.objects.filter(status="COMPLETED", completed_at__gte=now).count()
    assert told["totals"]["completes"] == ended
