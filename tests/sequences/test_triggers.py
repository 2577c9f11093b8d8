"""Sequences that enroll by themselves: nobody who matches is missed, nobody enters twice."""

from datetime import timedelta

import pytest

from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences.enrolling import cancel
from sequences.models import RetentionSequence, SequenceEnrollment
from sequences.publishing import activate
from sequences.taking_in import enroll_by_triggers
from sequences.triggers import matching
from tests.builders import make_conversion, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR = timedelta(hours=1)
NEW_LEAD, NO_CONVERSION = RetentionSequence.Trigger.NEW_LEAD, RetentionSequence.Trigger.NO_CONVERSION


def active(trigger: str, *, takes_existing: bool = False, **config) -> RetentionSequence:
    sequence = make_sequence(1, status="DRAFT", activated_at=None, trigger_type=trigger, trigger_config=config)
    activate(sequence, takes_existing=takes_existing, now=clock.now(), actor=SYSTEM)
    return sequence


def members(sequence: RetentionSequence) -> set[str]:
    return set(sequence.enrollments.values_list("lead_id", flat=True))


def tick() -> int:
    return enroll_by_triggers(clock.now())


def test_a_new_lead_enters_once():
    sequence = active(NEW_LEAD)
    lead = make_lead()

    assert tick() == 1
    assert tick() == 0
    assert members(sequence) == {lead.pk}
    assert sequence.enrollments.get().source == "trigger"


def test_by_default_only_those_who_come_from_now_on_enter():
    make_leads(3)
    sequence = active(NEW_LEAD)
    later = make_lead()

    tick()
    assert members(sequence) == {later.pk}


def test_activation_may_take_those_who_match_already():
    leads = make_leads(3)
    sequence = active(NEW_LEAD, takes_existing=True)
    assert matching(sequence, clock.now()).count() == 3

    tick()
    assert members(sequence) == {lead.pk for lead in leads}


def test_the_filters_of_the_trigger_hold():
    sequence = active(NEW_LEAD, source="API", status="NEW")
    match = make_lead(source="API")
    make_lead(source="CRM")
    make_lead(source="API", status="CONTACTED")

    tick()
    assert members(sequence) == {match.pk}


def test_a_lead_that_comes_to_match_later_enters_then():
    sequence = active(NEW_LEAD, status="IN_PROGRESS")
    lead = make_lead()
    tick()
    assert not members(sequence)

    Lead.objects.filter(pk=lead.pk).update(status="IN_PROGRESS", matched_at=clock.now())
    tick()
    assert members(sequence) == {lead.pk}


def test_after_an_outage_of_days_everybody_who_came_meanwhile_enters():
    sequence = active(NEW_LEAD)
    tick()
    leads = make_leads(2500)

    assert enroll_by_triggers(clock.now() + timedelta(days=3)) == 2500
    assert members(sequence) == {lead.pk for lead in leads}


def test_a_lead_that_a_long_import_commits_late_is_not_missed():
    sequence = active(NEW_LEAD)
    RetentionSequence.objects.update(enrolls_from=clock.now() - HOUR)
    make_lead()
    tick()
    late = make_lead(matched_at=clock.now() - timedelta(minutes=10))

    tick()
    assert late.pk in members(sequence)


def test_people_not_to_contact_and_buyers_never_enter_by_themselves():
    sequence = active(NEW_LEAD)
    make_lead(status="DO_NOT_CONTACT")
    make_lead(status="CONVERTED")
    make_lead(deleted_at=clock.now())

    assert tick() == 0
    assert not members(sequence)


def test_who_left_by_hand_does_not_enter_again_by_itself():
    sequence = active(NEW_LEAD)
    lead = make_lead()
    tick()
    cancel(sequence.enrollments.get(), now=clock.now(), actor=SYSTEM)
    Lead.objects.filter(pk=lead.pk).update(matched_at=clock.now())

    assert tick() == 0
    assert SequenceEnrollment.objects.get().run_no == 1


def test_a_paused_sequence_catches_up_when_it_is_resumed():
    sequence = active(NEW_LEAD)
    tick()
    sequence.move_to("PAUSED")
    lead = make_lead()
    assert tick() == 0

    activate(sequence, takes_existing=False, now=clock.now(), actor=SYSTEM)
    tick()
    assert members(sequence) == {lead.pk}


def test_a_lead_without_a_conversion_enters_when_it_comes_of_age():
    sequence = active(NO_CONVERSION, minAgeHours=24)
    lead = make_lead()
    assert tick() == 0

    assert enroll_by_triggers(clock.now() + 25 * HOUR) == 1
    assert members(sequence) == {lead.pk}
    assert enroll_by_triggers(clock.now() + 26 * HOUR) == 0


def test_a_look_from_a_later_now_does_not_hide_leads_that_come_before_it():
    sequence = active(NO_CONVERSION, minAgeHours=24)
    first = make_lead()
    enroll_by_triggers(clock.now() + timedelta(days=30))
    second = make_lead()

    enroll_by_triggers(clock.now() + timedelta(days=30))
    assert members(sequence) == {first.pk, second.pk}


def test_who_has_a_pending_or_confirmed_conversion_does_not_enter_but_a_rejected_one_is_none():
    sequence = active(NO_CONVERSION, minAgeHours=1)
    pending, confirmed, rejected = make_leads(3)
    make_conversion(pending, standing="pending")
    make_conversion(confirmed, standing="confirmed")
    make_conversion(rejected, standing="rejected", revenue=0)
    Lead.objects.filter(pk=confirmed.pk).update(status=Lead.Status.CONVERTED)

    enroll_by_triggers(clock.now() + 2 * HOUR)
    assert members(sequence) == {rejected.pk}


def test_those_who_were_of_age_at_activation_enter_only_when_asked_for():
    old = make_lead(created_at=clock.now() - 48 * HOUR, matched_at=clock.now() - 48 * HOUR)
    without, taking = active(NO_CONVERSION), active(NO_CONVERSION, takes_existing=True)

    tick()
    assert members(without) == set()
    assert members(taking) == {old.pk}


def test_an_idle_look_costs_a_few_queries_however_many_leads_there_are(django_assert_max_num_queries):
    active(NEW_LEAD, takes_existing=True)
    make_leads(300)
    tick()
    with django_assert_max_num_queries(4):
        assert tick() == 0
