"""The demo is as true as the real thing: every promise that holds for real contacts holds for its rows."""

import json
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F, Q

from campaigns.models import Campaign, ContactAttempt
from campaigns.reasons import Reason
from conversions.demo.chance import SEED, Dice
from conversions.demo.people import invite
from conversions.models import Conversion
from leads.identity import zones_of
from leads.models import Lead, Suppression
from leads.suppression import digest
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution

LEADS = 400


@pytest.fixture
def counts(db):
    out = StringIO()
    call_command("make_demo", leads=LEADS, stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def test_the_demo_has_every_kind_of_row_and_counts_them(counts):
    assert counts["leads"] == Lead.objects.count() == LEADS
    assert counts["attempts"] == ContactAttempt.objects.count() >= LEADS * 6
    assert counts["campaigns"] == 6
    assert counts["sequences"] == 8
    assert {"conversions", "suppressions", "imports", "audit_events", "heartbeats", "executions"} <= counts.keys()


def test_sequences_show_every_status_and_every_trigger(counts):
    shown = set(RetentionSequence.objects.values_list("status", flat=True))
    assert shown == set(RetentionSequence.Status.values)
    assert set(RetentionSequence.objects.values_list("trigger_type", flat=True)) == set(
        RetentionSequence.Trigger.values
    )
    assert set(Campaign.objects.values_list("status", flat=True)) == set(Campaign.Status.values)


def test_its_rows_obey_the_invariants_of_enrollments_and_conversions(counts):
    opened = Count("executions", filter=Q(executions__status__in=SequenceStepExecution.OPEN))
    enrollments = SequenceEnrollment.objects.annotate(opened=opened)
    assert not enrollments.filter(status__in=SequenceEnrollment.OPEN).exclude(opened=1).exists()
    assert not enrollments.exclude(status__in=SequenceEnrollment.OPEN).exclude(opened=0).exists()
    assert not SequenceEnrollment.objects.filter(status="COMPLETED", completed_at=None).exists()
    buyers = Lead.objects.filter(conversions__standing="confirmed")
    assert not buyers.exclude(status__in=["CONVERTED", "DO_NOT_CONTACT"]).exists()
    assert not SequenceEnrollment.objects.open().filter(lead__in=buyers).exists()


def test_nobody_is_contacted_after_buying_or_opting_out_or_above_the_cap(counts):
    bought = Q(lead__conversions__standing="confirmed", started_at__gt=F("lead__conversions__created_at"))
    left = Q(started_at__gt=F("lead__suppressions__created_at"))
    assert not ContactAttempt.objects.filter(bought | left).exists()
    days = ContactAttempt.objects.counted().values("lead", "local_date").annotate(count=Count("pk"))
    assert max(day["count"] for day in days) <= 3


def test_every_contact_lies_in_the_window_of_the_leads_own_zone(counts):
    for attempt in ContactAttempt.objects.only("started_at", "policy_snapshot", "local_date"):
        local = attempt.started_at.astimezone(ZoneInfo(attempt.policy_snapshot["zone"]))
        assert 8 <= local.hour < 21
        assert local.date() == attempt.local_date


def test_reasons_are_codes_that_staff_can_read(counts):
    codes = set(SequenceStepExecution.objects.exclude(reason="").values_list("reason", flat=True))
    codes |= set(SequenceStepExecution.objects.held().values_list("held_reason", flat=True))
    codes |= set(ContactAttempt.objects.exclude(reason="").values_list("reason", flat=True))
    assert codes
    assert codes <= {str(reason) for reason in Reason}


def test_opt_outs_are_kept_by_address_and_money_counts_only_when_confirmed(counts):
    row = Suppression.objects.first()
    assert row is not None
    assert row.address_digest == digest(row.address)
    assert not Conversion.objects.filter(standing="rejected").exclude(revenue=0).exists()
    assert Conversion.objects.confirmed().exists()


def test_after_it_the_first_admin_can_still_be_made(counts):
    told = StringIO()
    call_command("first_admin", stdout=told)
    assert "one-time password" in told.getvalue()


def test_a_database_with_leads_is_left_alone(counts):
    with pytest.raises(CommandError, match="already holds leads"):
        call_command("make_demo", leads=10)
    assert Lead.objects.count() == LEADS


def test_two_runs_invent_the_same_people(now):
    first, second = (invite(Dice(SEED), 200, now) for _run in range(2))
    assert [(one.lead.pk, one.lead.email, one.lead.phone) for one in first] == [
        (one.lead.pk, one.lead.email, one.lead.phone) for one in second
    ]
    assert len({one.lead.email for one in first if one.lead.email} | {None}) > 180


def test_invented_numbers_are_valid_and_lie_in_the_zone_they_claim(now):
    for person in invite(Dice(SEED), 600, now):
        if person.lead.phone:
            assert person.lead.phone_zones == zones_of(person.lead.phone)
