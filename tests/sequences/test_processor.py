"""What one round does with what is due, seen from outside: contacts, schedules and reasons."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import ContactAttempt, ContactPolicy, SendingPause
from leads.consent import opt_out
from leads.models import Lead
from retention_center import health
from retention_center.audit import SYSTEM, Actor
from retention_center.lib import clock
from sequences import processor
from sequences.enrolling import enroll, pause, resume
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.builders import make_campaign, make_campaign_lead, make_integration, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
A_CROWD_IS_SPREAD_OVER = timedelta(minutes=30)
DAY = timedelta(days=1)
STATUS = SequenceStepExecution.Status


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


def enter(sequence: RetentionSequence, leads: list[Lead], now: datetime) -> None:
    result = enroll(sequence, [lead.pk for lead in leads], now=now, source="manual", actor=SYSTEM)
    assert result.enrolled == len(leads)


def only_execution(**where) -> SequenceStepExecution:
    return SequenceStepExecution.objects.get(**where)


def test_every_lead_gets_every_step_once_and_in_order(now):
    sequence = make_sequence(3)
    leads = make_leads(60)
    enter(sequence, leads, now)

    for tick in range(12):
        processor.run(now + tick * timedelta(hours=6))

    for lead in leads:
        attempts = lead.contact_attempts.order_by("started_at")
        executions = lead.step_executions.order_by("executed_at")
        assert [execution.step_key for execution in executions] == ["step-1", "step-2", "step-3"]
        assert [attempt.status for attempt in attempts] == ["SENT"] * 3
    assert set(sequence.enrollments.values_list("status", "current_step")) == {("COMPLETED", 3)}


def test_a_round_reports_what_it_did(now):
    sequence = make_sequence(1)
    enter(sequence, make_leads(3), now)

    counts = processor.run(now)

    assert counts.pop("seconds") >= 0
    assert counts == {
        "due": 3,
        "sent": 3,
        "failed": 0,
        "retried": 0,
        "skipped": 0,
        "held": 0,
        "unknown": 0,
        "completed": 3,
        "enrolled": 0,
    }


def test_a_round_works_through_more_than_one_batch(now, monkeypatch):
    monkeypatch.setattr("campaigns.delivery.rounds.run_batch.__defaults__", (7,))
    sequence = make_sequence(1)
    enter(sequence, make_leads(30), now)

    assert processor.run(now)["sent"] == 30


def test_the_queries_of_a_round_do_not_depend_on_the_batch(now):
    def queries(count: int) -> int:
        enter(make_sequence(2), make_leads(count), now)
        with CaptureQueriesContext(connection) as captured:
            processor.run(now)
        return len(captured)

    queries(1)  # the first round ever makes the suppression key and the first heartbeat
    few, many = queries(2), queries(200)
    assert few == many <= 50


def test_a_second_round_at_the_same_time_sends_nothing(now):
    enter(make_sequence(2), make_leads(5), now)
    processor.run(now)

    assert processor.run(now)["due"] == 0
    assert ContactAttempt.objects.count() == 5


def test_a_new_lead_becomes_contacted_at_its_first_accepted_attempt(now):
    (lead,) = make_leads(1)
    enter(make_sequence(1), [lead], now)
    processor.run(now)

    lead.refresh_from_db()
    assert lead.status == Lead.Status.CONTACTED


def test_outside_the_contact_hours_a_step_is_held_until_they_open_in_the_leads_zone(now):
    lead = make_lead(time_zone="Asia/Tokyo")  # 15:00 in UTC is midnight there
    enter(make_sequence(1), [lead], now)

    assert processor.run(now)["held"] == 1
    execution = only_execution()
    opening = datetime.fromisoformat("2026-03-12T08:00:00+09:00")
    assert (execution.status, execution.held_reason) == (STATUS.SCHEDULED, "quiet_hours")
    assert execution.held_until == execution.due_at
    assert opening <= execution.held_until < opening + A_CROWD_IS_SPREAD_OVER

    assert processor.run(execution.held_until - timedelta(minutes=1))["due"] == 0
    assert processor.run(execution.held_until)["sent"] == 1
    assert only_execution().held_reason == ""


def test_over_the_daily_cap_a_step_waits_for_the_leads_next_day(now):
    ContactPolicy.objects.create(max_contacts_per_day=1)
    lead = make_lead()
    enter(make_sequence(1), [lead], now)
    enter(make_sequence(1), [lead], now)

    counts = processor.run(now)

    assert (counts["sent"], counts["held"]) == (1, 1)
    held = only_execution(status=STATUS.SCHEDULED)
    assert held.held_reason == "daily_cap"
    opening = datetime.fromisoformat("2026-03-12T08:00:00+00:00")
    assert opening <= held.held_until < opening + A_CROWD_IS_SPREAD_OVER


def test_too_soon_after_another_channel_a_step_waits_for_the_gap(now):
    ContactPolicy.objects.create(delay_between_channels=2 * 3600 * 1000)
    lead = make_lead()
    enter(make_sequence(1), [lead], now)
    enter(make_sequence(1), [lead], now)
    processor.run(now)

    held = only_execution(status=STATUS.SCHEDULED)
    assert (held.held_reason, held.held_until) == ("channel_gap", now + timedelta(hours=2))


def test_an_active_campaign_of_the_lead_narrows_the_hours(now):
    lead = make_lead()
    campaign = make_campaign(meta={"contactHoursStart": "17:00", "contactHoursEnd": "18:00"})
    make_campaign_lead(campaign, lead)
    enter(make_sequence(1), [lead], now)
    processor.run(now)

    assert now.replace(hour=17) <= only_execution().held_until < now.replace(hour=17) + A_CROWD_IS_SPREAD_OVER


def test_a_lead_without_an_address_is_skipped_with_the_reason_and_goes_on(now):
    lead = make_lead(phone=None)
    enter(make_sequence([{"channel": "SMS"}, {"channel": "EMAIL"}]), [lead], now)

    assert processor.run(now)["skipped"] == 1
    first, second = SequenceStepExecution.objects.order_by("scheduled_at")
    assert (first.status, first.reason, first.contact_attempt) == (STATUS.SKIPPED, "no_address", None)
    assert (second.status, second.scheduled_at) == (STATUS.SCHEDULED, now + DAY)


def test_without_a_provider_a_step_is_held_and_leaves_soon_after_one_is_switched_on(now, sandbox):
    sandbox.is_active = False
    sandbox.save()
    enter(make_sequence(1), make_leads(1), now)
    processor.run(now)
    execution = only_execution()
    assert (execution.held_reason, execution.held_until) == ("no_provider", None)

    sandbox.is_active = True
    sandbox.save()
    assert processor.run(now + timedelta(minutes=5))["sent"] == 1


def test_a_step_later_than_the_late_rule_allows_waits_for_staff(now):
    enter(make_sequence(1), make_leads(1), now)

    assert processor.run(now + timedelta(hours=25))["held"] == 1
    execution = only_execution()
    assert (execution.held_reason, execution.held_until, execution.due_at) == ("late", None, None)
    assert processor.run(now + timedelta(hours=26))["due"] == 0


def test_a_held_step_is_late_only_when_its_opening_is_long_past(now):
    lead = make_lead(time_zone="Asia/Tokyo")
    enter(make_sequence(1), [lead], now)
    processor.run(now)
    opening = only_execution().held_until

    assert processor.run(opening + timedelta(hours=5))["sent"] == 1


def test_stopped_sending_holds_everything_and_goes_on_afterwards(now):
    stop = SendingPause.objects.create()
    enter(make_sequence(2), make_leads(2), now)
    assert processor.run(now)["held"] == 2

    stop.delete()
    assert processor.run(now + timedelta(minutes=1))["sent"] == 2


def test_a_paused_sequence_sends_nothing_and_repeats_nothing_when_resumed(now):
    sequence = make_sequence(2)
    enter(sequence, make_leads(3), now)
    processor.run(now)
    sequence.move_to("PAUSED")
    assert processor.run(now + DAY)["due"] == 0

    sequence.move_to("ACTIVE")
    assert processor.run(now + DAY)["sent"] == 3
    assert ContactAttempt.objects.count() == 6


def test_a_paused_enrollment_waits_and_takes_up_its_step_when_resumed(now):
    sequence = make_sequence(1)
    enter(sequence, make_leads(1), now)
    enrollment = sequence.enrollments.get()
    pause(enrollment, actor=SYSTEM)
    assert processor.run(now)["due"] == 0

    resume(enrollment, actor=SYSTEM)
    assert processor.run(now)["sent"] == 1


def test_a_step_that_is_off_is_passed_over(now):
    sequence = make_sequence([{}, {"is_active": False}, {}])
    enter(sequence, make_leads(1), now)
    processor.run(now)
    processor.run(now + DAY)

    assert list(SequenceStepExecution.objects.order_by("scheduled_at").values_list("step_key", "status")) == [
        ("step-1", "SENT"),
        ("step-3", "SENT"),
    ]


def test_an_empty_placeholder_is_a_reason_not_a_blank(now):
    sequence = make_sequence(1)
    script = sequence.steps.get().script
    script.content = "Your code: {{ meta.code }}"
    script.save()
    enter(sequence, make_leads(1), now)

    assert processor.run(now)["skipped"] == 1
    assert only_execution().reason == "empty_placeholder"
    assert not ContactAttempt.objects.exists()


def test_one_lead_in_ten_sequences_gets_no_more_than_the_cap_on_a_day(now):
    lead = make_lead()
    for _ in range(10):
        enter(make_sequence(1), [lead], now)

    processor.run(now, until_idle=True)

    assert ContactAttempt.objects.count() == 3
    assert set(SequenceStepExecution.objects.scheduled().values_list("held_reason", flat=True)) == {"daily_cap"}


def test_a_lead_that_opts_out_between_steps_is_not_contacted_again(now, operator):
    lead = make_lead()
    sequence = make_sequence(2)
    enter(sequence, [lead], now)
    processor.run(now)

    stopped = opt_out(
        lead, channel="EMAIL", reason="asked", source="staff", now=now, actor=Actor("x", "page", operator)
    )

    assert stopped == 1
    processor.run(now + DAY)
    assert lead.contact_attempts.count() == 1
    enrollment = sequence.enrollments.get()
    assert enrollment.status == SequenceEnrollment.Status.CANCELLED
    assert not SequenceStepExecution.objects.open().exists()


def test_the_processor_leaves_a_sign_of_life(now):
    assert health.processor_state(clock.now()).tone == "bad"
    processor.run(now)
    state = health.processor_state(clock.now())
    assert (state.tone, state.overdue) == ("good", 0)


def test_the_snapshot_of_an_attempt_says_why_it_was_allowed(now):
    lead = make_lead(time_zone="Europe/Riga")
    enter(make_sequence(1), [lead], now)
    processor.run(now)

    attempt = ContactAttempt.objects.get()
    assert attempt.policy_snapshot["zone"] == "Europe/Riga"
    assert attempt.policy_snapshot["localTime"] == "2026-03-11 17:00"
    assert str(attempt.local_date) == "2026-03-11"
    assert attempt.reason == ""
