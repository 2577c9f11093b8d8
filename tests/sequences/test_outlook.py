"""The explanation on the lead page equals what the processor then does."""

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from campaigns import outlook
from campaigns.models import CampaignLead, ContactAttempt, ContactPolicy, SendingPause
from campaigns.outlook import Comes, Expected
from leads.models import Lead
from leads.suppression import suppress
from retention_center.audit import SYSTEM
from sequences import processor
from sequences.enrolling import pause
from sequences.models import RetentionSequence, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_script,
    make_sequence,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 11, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = (Comes.RETRIED, Comes.WAITS)
ZONES = ["UTC", "Australia/Sydney", "America/Los_Angeles", "Asia/Kolkata", ""]
CONDITIONS = [
    [],
    [{"field": "status", "op": "is", "value": "CONTACTED"}],
    [{"field": "converted", "op": "is", "value": False}],
]


WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no simpler world


class Undone(Exception):
    """Takes back what one example wrote."""


def a_world(pick: random.Random) -> Lead:
    """A lead with a few open contacts, under rules of which some are in their way."""
    some = pick.choice
    ContactPolicy.objects.create(
        contact_hours_start=some(["00:00", "08:00", "20:00"]),
        contact_hours_end=some(["24:00", "21:00", "04:00"]),
        contact_days=some([["MON", "WED", "FRI"], ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]]),
        max_contacts_per_day=some([1, 2, 3]),
        delay_between_channels=some([0, 0, 3 * 3_600_000]),
        holidays=some([[], [], ["2026-03-11"], ["2026-03-12"]]),
        per_channel=some([{}, {}, {"SMS": {"maxContactsPerDay": 1}}]),
    )
    make_integration("sandbox", is_active=some([True] * 5 + [False]))
    if some([True, False, False, False, False]):
        scope, target = some([("all", ""), ("channel", "SMS"), ("provider", "sandbox")])
        SendingPause.objects.create(scope=scope, target=target)
    phone = some(["+61491570156", "+12125550123", "+18005550123", None])
    lead = make_lead(time_zone=some(ZONES), phone=phone, first_name=some(["Ada", "Ada", ""]))
    for _ in range(some([0, 0, 1, 3])):
        make_attempt(lead, started_at=NOW - some([1, 2, 5, 20]) * HOUR, channel=some(["SMS", "EMAIL"]))
    if some([True, False, False]):
        suppress(lead.email, channel=some(["EMAIL", "ALL"]), reason="opted_out", source="test", now=NOW, actor=SYSTEM)
    for _ in range(some([1, 2, 3])):
        a_step(lead, pick)
    for _ in range(some([0, 1, 1])):
        a_place(lead, pick)
    return lead


def a_step(lead: Lead, pick: random.Random) -> None:
    some = pick.choice
    channel = some(["EMAIL", "SMS", "CALL"])
    step: dict[str, Any] = {"channel": channel, "conditions": some(CONDITIONS), "is_active": some([True] * 5 + [False])}
    step["script"] = some([make_script(channel), make_script(channel), make_script(channel), None])
    sequence = make_sequence([step], status=some(["ACTIVE"] * 5 + ["PAUSED"]))
    when = NOW + some([-40, -3, -1, 0, 2, 11, 30]) * HOUR
    row = make_execution(make_enrollment(sequence, lead), scheduled_at=when)
    if some([True] + [False] * 6):
        pause(row.enrollment, actor=SYSTEM)
    elif some([True] + [False] * 6):
        hold = {"held_reason": "late", "held_since": NOW - HOUR, "due_at": None}
        SequenceStepExecution.objects.filter(pk=row.pk).update(**hold)


def a_place(lead: Lead, pick: random.Random) -> None:
    some = pick.choice
    channel, when = some(["EMAIL", "SMS"]), NOW + some([-30, -2, 0, 5]) * HOUR
    campaign = make_campaign(channels=[channel], meta=some([{}, {"contactHoursStart": "10:00"}]))
    if some([True, True, True, False]):
        make_script(channel, campaign=campaign)
    make_campaign_lead(campaign, lead, scheduled_at=when, due_at=when)


def what_came(one: Expected) -> tuple[str, datetime | None, str]:
    """What became of the contact: sent, skipped or open; when; and the reason on record."""
    own = one.upcoming.item.own
    own.refresh_from_db()
    attempt = ContactAttempt.objects.filter(work_id=one.upcoming.item.id).first()
    if attempt:
        return "sent", attempt.started_at, ""
    if isinstance(own, CampaignLead):
        return ("over", own.completed_at, own.reason) if own.status == "COMPLETED" else ("open", None, own.held_reason)
    return ("over", own.executed_at, own.reason) if own.status == "SKIPPED" else ("open", None, own.held_reason)


def play(lead: Lead, told: list[Expected]) -> None:
    """The processor, whenever something of the lead is due, for a week; what is looked at again and again, once."""
    endless = {(one.upcoming.item.own.pk, one.reason) for one in told if one.comes in OPEN}
    at = NOW
    for _ in range(40):
        processor.run(at)
        steps = SequenceStepExecution.objects.scheduled().filter(sequence__in=RetentionSequence.objects.running())
        known = ("pk", "held_reason", "due_at")
        dues = [*steps.values_list(*known), *CampaignLead.objects.waiting().values_list(*known)]
        later = [due for pk, held, due in dues if due and (pk, held) not in endless]
        if not later or min(later) > NOW + timedelta(days=8):
            return
        at = max(at, min(later))


@pytest.mark.parametrize("part", ["next", "checks"])
def test_what_comes_next_and_why_costs_twelve_queries_at_most(as_viewer, django_assert_max_num_queries, part):
    make_integration("sandbox")
    lead = make_lead()
    for _ in range(3):
        make_execution(make_enrollment(lead=lead))
    campaign = make_campaign()
    make_script(campaign=campaign)
    make_campaign_lead(campaign, lead, due_at=NOW)
    make_attempt(lead)
    as_viewer.get(f"/leads/{lead.pk}/{part}/")  # what a worker reads once is read
    with django_assert_max_num_queries(12):
        assert as_viewer.get(f"/leads/{lead.pk}/{part}/").status_code == 200


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    deadline=None,
    phases=WITHOUT_SHRINKING,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(0, 2**32))
def test_the_processor_does_what_the_explanation_says(seed):
    try:
        with transaction.atomic():
            lead = a_world(random.Random(seed))
            told = outlook.of_lead(lead, NOW).expected
            play(lead, told)
            for one in told:
                came, at, reason = what_came(one)
                said = (one.upcoming.name, one.channel, one.comes, one.at, one.reason)
                if one.comes == Comes.SENT:
                    assert (came, at) == ("sent", one.at), said
                elif one.comes in {Comes.SKIPPED, Comes.STOPPED}:
                    assert (came, at, reason) == ("over", one.at, one.reason), said
                else:
                    assert came == "open", said
                    # What lasts too long is late in the end; what is paused keeps what stood before
                    after_all = {one.reason, "late"} if one.comes == Comes.RETRIED else {one.reason}
                    assert reason in after_all or one.reason in {"sequence_paused", "enrollment_paused"}, said
            raise Undone
    except Undone:
        pass
