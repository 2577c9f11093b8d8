"""Entering, leaving, pausing: one row per lead and sequence for ever, and one open step while it runs."""

from datetime import timedelta

import pytest

from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from retention_center.models import AuditEvent
from sequences import processor
from sequences.enrolling import CannotEnroll, cancel, convert_leads, enroll, pause, resume
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import make_integration, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]


def enter(sequence, *leads, now, source="manual"):
    return enroll(sequence, [lead.pk for lead in leads], now=now, source=source, actor=SYSTEM)


def test_entering_schedules_the_first_step_after_its_delay(now):
    sequence = make_sequence([{"delay_value": 2, "delay_unit": "HOURS"}, {}])
    lead = make_lead()

    assert enter(sequence, lead, now=now).enrolled == 1
    execution = SequenceStepExecution.objects.get()
    assert (execution.step_key, execution.scheduled_at) == ("step-1", now + timedelta(hours=2))
    assert execution.due_at == execution.scheduled_at


def test_days_keep_the_leads_wall_clock_when_clocks_change(now):
    lead = make_lead(time_zone="America/New_York")
    sequence = make_sequence([{"delay_value": 1, "delay_unit": "WEEKS"}])
    before_summer_time = now - timedelta(days=5)  # 6 March, 10:00 in New York; clocks change on the 8th
    enter(sequence, lead, now=before_summer_time)

    scheduled = SequenceStepExecution.objects.get().scheduled_at
    assert scheduled - before_summer_time == timedelta(days=7, hours=-1)


def test_who_is_in_already_or_must_not_be_contacted_is_left_out_with_the_reason(now):
    sequence = make_sequence(1)
    inside, off, gone = make_lead(), make_lead(status="DO_NOT_CONTACT"), make_lead(deleted_at=now)
    enter(sequence, inside, now=now)

    result = enroll(sequence, [inside.pk, off.pk, gone.pk, "nobody"], now=now, source="api", actor=SYSTEM)

    assert result.enrolled == 0
    assert dict(result.skipped) == {
        inside.pk: "already_enrolled",
        off.pk: "do_not_contact",
        gone.pk: "unknown_lead",
        "nobody": "unknown_lead",
    }


def test_a_lead_named_twice_enters_once(now):
    lead = make_lead()
    assert enter(make_sequence(1), lead, lead, now=now).enrolled == 1


def test_entering_again_is_a_new_run_of_the_same_row_and_keeps_the_history(now):
    make_integration("sandbox")
    sequence, lead = make_sequence(1), make_lead()
    enter(sequence, lead, now=now)
    processor.run(now)

    assert enter(sequence, lead, now=now + timedelta(days=3)).enrolled == 1
    enrollment = SequenceEnrollment.objects.get()
    assert (enrollment.run_no, enrollment.status, enrollment.completed_at) == (2, "ACTIVE", None)
    assert list(enrollment.executions.order_by("run_no").values_list("run_no", "status")) == [
        (1, "SENT"),
        (2, "SCHEDULED"),
    ]


def test_a_sequence_without_steps_takes_nobody_and_says_what_to_do(now):
    with pytest.raises(CannotEnroll, match="add one first"):
        enter(make_sequence(0), make_lead(), now=now)


def test_an_archived_sequence_takes_nobody(now):
    with pytest.raises(CannotEnroll, match="archived"):
        enter(make_sequence(1, status="ARCHIVED"), make_lead(), now=now)


def test_many_enter_with_as_many_queries_as_one(now, django_assert_max_num_queries):
    sequence, leads = make_sequence(1), make_leads(300)
    with django_assert_max_num_queries(12):
        assert enter(sequence, *leads, now=now).enrolled == 300


def test_cancelling_ends_the_run_and_its_waiting_step(now):
    sequence, lead = make_sequence(2), make_lead()
    enter(sequence, lead, now=now)
    enrollment = SequenceEnrollment.objects.get()

    assert cancel(enrollment, now=now, actor=SYSTEM) == 1
    assert (enrollment.status, enrollment.reason, enrollment.completed_at) == ("CANCELLED", "cancelled", now)
    execution = SequenceStepExecution.objects.get()
    assert (execution.status, execution.reason, execution.due_at) == ("SKIPPED", "cancelled", None)
    told = AuditEvent.objects.get(action="cancel", object_id=enrollment.pk)
    assert (told.before, told.after) == ({"status": "ACTIVE"}, {"status": "CANCELLED"})


def test_what_has_ended_can_be_neither_cancelled_nor_paused_nor_resumed(now):
    enter(make_sequence(1), make_lead(), now=now)
    enrollment = SequenceEnrollment.objects.get()
    cancel(enrollment, now=now, actor=SYSTEM)

    for act in (lambda: cancel(enrollment, now=now, actor=SYSTEM), lambda: pause(enrollment, actor=SYSTEM)):
        with pytest.raises(RefusedTransition):
            act()
    with pytest.raises(RefusedTransition, match="not paused"):
        resume(enrollment, actor=SYSTEM)


def test_a_conversion_ends_running_and_paused_enrollments_alike(now):
    lead = make_lead()
    running, paused = make_sequence(1), make_sequence(1)
    enter(running, lead, now=now)
    enter(paused, lead, now=now)
    pause(paused.enrollments.get(), actor=SYSTEM)

    assert convert_leads([lead.pk], now) == 2
    assert set(SequenceEnrollment.objects.values_list("status", "reason")) == {("CONVERTED", "converted")}
    assert not SequenceStepExecution.objects.open().exists()


def test_a_buyer_may_be_enrolled_again_by_hand(now):
    buyer = make_lead(status=Lead.Status.CONVERTED)
    assert enter(make_sequence(1), buyer, now=now).enrolled == 1
