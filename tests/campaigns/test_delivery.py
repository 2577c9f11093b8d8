"""The one door under bad luck: refusals, silence, crashes. Once or not at all, and always with a reason."""

from datetime import timedelta

import pytest

from campaigns.delivery import rounds
from campaigns.models import ContactAttempt
from integrations.models import IntegrationConfig
from integrations.providers.base import NotSent, OutcomeUnknown
from leads.consent import opt_out
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences import processor
from sequences.enrolling import enroll, pause
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from tests.builders import make_leads, make_sequence
from tests.stub_provider import PATH, PATH_UNSEARCHABLE, StubProvider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR = timedelta(hours=1)
STATUS = SequenceStepExecution.Status


@pytest.fixture(autouse=True)
def stub(db, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True)
    yield StubProvider
    StubProvider.reset()


@pytest.fixture
def entered(now):
    """A running sequence of two e-mails with one lead in it, the first due now."""
    sequence = make_sequence(2)
    (lead,) = make_leads(1)
    enroll(sequence, [lead.pk], now=now, source="manual", actor=SYSTEM)
    return sequence


def answers(behaviour) -> None:
    StubProvider.answer = staticmethod(behaviour)


def raises(error: Exception):
    def behaviour(_message) -> None:
        raise error

    return behaviour


def first_execution() -> SequenceStepExecution:
    return SequenceStepExecution.objects.order_by("scheduled_at", "id").first()


def test_the_message_carries_what_the_script_says(entered, now):
    processor.run(now)

    (message,) = StubProvider.arrived.popitem()[1]
    assert message.text.startswith("Hello Ada, come back.")
    assert message.unsubscribe_url in message.text
    attempt = ContactAttempt.objects.get()
    assert (attempt.provider_ref, attempt.address) == (f"stub-{message.key}", message.to)
    assert attempt.message["text"] == message.text


def test_a_tracked_link_leads_back_to_its_attempt(entered, now):
    IntegrationConfig.objects.create(
        provider="keitaro", type="tracking", is_active=True, config={"trackerUrl": "https://go.example.com/win"}
    )
    script = entered.live_steps()[0].script
    script.content = "Come back: {{ trackingUrl }}"
    script.save()
    processor.run(now)

    attempt = ContactAttempt.objects.get()
    link = f"https://go.example.com/win?sub_id_1={attempt.pk}&external_id={attempt.lead_id}"
    assert link in attempt.message["text"]


def test_a_refused_message_is_tried_again_after_an_hour(entered, now):
    answers(raises(NotSent("Try later.")))
    counts = processor.run(now)

    assert counts["retried"] == 1
    execution = first_execution()
    assert (execution.status, execution.due_at, execution.failures) == (STATUS.SCHEDULED, now + HOUR, 1)
    assert execution.last_error == "Try later."
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.was_unsent) == ("FAILED", True)

    StubProvider.reset()
    assert processor.run(now + HOUR)["sent"] == 1
    assert sorted(ContactAttempt.objects.values_list("try_no", "status")) == [(1, "FAILED"), (2, "SENT")]


def test_refused_twice_the_step_is_skipped_and_the_sequence_goes_on(entered, now):
    answers(raises(NotSent("No.")))
    processor.run(now)
    counts = processor.run(now + HOUR)

    assert counts["skipped"] == 1
    execution = first_execution()
    assert (execution.status, execution.reason) == (STATUS.SKIPPED, "refused")
    assert SequenceStepExecution.objects.open().get().step_key == "step-2"


def test_a_message_that_can_never_arrive_is_not_tried_again(entered, now):
    answers(raises(NotSent("No such mailbox.", reason="invalid_address", permanent=True)))

    assert processor.run(now)["skipped"] == 1
    assert first_execution().reason == "invalid_address"


@pytest.mark.parametrize(
    ("rule", "status", "enrollment", "reason"),
    [
        ("stop", STATUS.FAILED, SequenceEnrollment.Status.CANCELLED, "step_failed"),
        ("wait", STATUS.SCHEDULED, SequenceEnrollment.Status.ACTIVE, ""),
    ],
)
def test_a_steps_own_rule_says_what_a_final_failure_does(entered, now, rule, status, enrollment, reason):
    SequenceStep.objects.update(on_failure=rule)
    answers(raises(NotSent("No.")))
    processor.run(now)
    processor.run(now + HOUR)

    execution = first_execution()
    assert execution.status == status
    row = SequenceEnrollment.objects.get()
    assert (row.status, row.reason) == (enrollment, reason)
    if rule == "wait":
        assert (execution.held_reason, execution.due_at) == ("waits_for_staff", None)


def test_being_asked_to_wait_costs_no_try(entered, now):
    answers(raises(NotSent("Too many.", retry_after=90)))
    counts = processor.run(now)

    assert (counts["retried"], counts["skipped"]) == (0, 0)
    execution = first_execution()
    assert (execution.failures, execution.due_at) == (0, now + timedelta(seconds=90))
    assert execution.held_reason == "rate_limited"


def test_a_failure_that_hits_everybody_holds_and_costs_no_try(entered, now):
    answers(raises(NotSent("Bad key.", account_wide=True)))
    processor.run(now)

    execution = first_execution()
    assert (execution.status, execution.failures, execution.held_reason) == (STATUS.SCHEDULED, 0, "provider_down")


def test_silence_is_unknown_and_never_sent_again_blindly(entered, now):
    answers(raises(OutcomeUnknown("No answer.")))

    assert processor.run(now)["unknown"] == 1
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    assert first_execution().status == STATUS.PENDING
    StubProvider.reset()
    assert processor.run(now + 3 * HOUR)["sent"] == 0


def long_ago() -> None:
    """As if the worker had died long before: its lease has run out, and nothing can still be on its way."""
    past = clock.now() - 2 * HOUR
    SequenceStepExecution.objects.filter(status=STATUS.PENDING).update(lease_until=past)
    ContactAttempt.objects.filter(called_at__isnull=False).update(called_at=past, deadline_at=past)


def accept_then(error: BaseException):
    """The provider takes the message, and then our side is struck."""

    def behaviour(message) -> None:
        StubProvider({}).accept(message)
        raise error

    return behaviour


def test_an_unknown_that_the_provider_knows_is_recorded_and_not_repeated(entered, now):
    answers(accept_then(OutcomeUnknown("Cut off.")))
    processor.run(now)
    long_ago()
    StubProvider.answer = staticmethod(lambda message: None)

    assert processor.run(now)["sent"] == 1
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert ContactAttempt.objects.get().status == "SENT"
    assert SequenceStepExecution.objects.open().get().step_key == "step-2"


def test_an_unknown_that_certainly_never_arrived_is_sent(entered, now):
    answers(raises(OutcomeUnknown("Cut off.")))
    processor.run(now)
    long_ago()
    StubProvider.answer = staticmethod(lambda message: None)

    processor.run(now)
    assert processor.run(now)["due"] == 0
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert first_execution().failures == 0


def test_an_unknown_that_nobody_can_look_up_closes_and_the_sequence_moves_on(entered, now, settings):
    settings.PROVIDERS = {"stub": PATH_UNSEARCHABLE}
    answers(raises(OutcomeUnknown("Cut off.")))
    processor.run(now)
    long_ago()

    assert processor.run(now)["failed"] == 1
    execution = first_execution()
    assert (execution.status, execution.reason) == (STATUS.FAILED, "outcome_unknown")
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    assert SequenceStepExecution.objects.open().get().step_key == "step-2"


class PowerCut(BaseException):
    """Nothing after it runs in this process, as after SIGKILL."""


def test_a_crash_before_the_call_is_made_up_for_once(entered, now, monkeypatch):
    def cut(*_args) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.delivery.rounds.call_in_groups", cut)
        with pytest.raises(PowerCut):
            processor.run(now)
    assert first_execution().status == STATUS.PENDING
    long_ago()

    processor.run(now)
    processor.run(now)
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert first_execution().status == STATUS.SENT


def test_a_crash_after_the_call_is_found_out_and_not_repeated(entered, now, monkeypatch):
    def cut(*_args) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.delivery.rounds.record_answers", cut)
        with pytest.raises(PowerCut):
            processor.run(now)
    assert processor.run(now)["due"] == 0  # the lease still stands
    long_ago()

    processor.run(now)
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert first_execution().status == STATUS.SENT


def test_a_frozen_worker_that_wakes_after_its_lease_changes_only_facts(entered, now):
    def froze(_message) -> None:
        SequenceStepExecution.objects.filter(status=STATUS.PENDING).update(fence=99)

    StubProvider.parallel = 0  # in this thread, so that it sees the test's transaction
    try:
        answers(froze)
        counts = processor.run(now)
    finally:
        StubProvider.parallel = 2

    assert counts["sent"] == 1
    assert ContactAttempt.objects.get().status == "SENT"
    assert first_execution().status == STATUS.PENDING
    assert SequenceStepExecution.objects.count() == 1


def test_a_lead_that_opts_out_before_its_call_is_not_called(entered, now, monkeypatch):
    call_in_groups = rounds.call_in_groups

    def opted_out_first(*args):
        opt_out(Lead.objects.get(), channel="EMAIL", reason="asked", source="link", now=now, actor=SYSTEM)
        return call_in_groups(*args)

    monkeypatch.setattr(rounds, "call_in_groups", opted_out_first)
    processor.run(now)

    assert not StubProvider.arrived
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.reason, attempt.was_unsent) == ("FAILED", "not_called", True)
    assert (first_execution().status, first_execution().reason) == (STATUS.SKIPPED, "enrollment_ended")


def test_pausing_while_a_step_is_in_flight_keeps_its_result_and_waits_with_the_next(entered, now, monkeypatch):
    def pause_it(_message) -> None:
        pause(SequenceEnrollment.objects.get(), actor=SYSTEM)

    monkeypatch.setattr(StubProvider, "parallel", 0)
    answers(pause_it)
    processor.run(now)

    assert first_execution().status == STATUS.SENT
    waiting = SequenceStepExecution.objects.open().get()
    assert (waiting.step_key, waiting.due_at) == ("step-2", None)


def test_an_adapter_that_breaks_is_unknown_not_failed(entered, now):
    answers(raises(ZeroDivisionError("a bug")))

    assert processor.run(now)["unknown"] == 1


def test_a_slow_provider_gets_no_more_than_its_pace(now):
    IntegrationConfig.objects.update(config={"ratePerSecond": 2})
    sequence = make_sequence(1)
    enroll(sequence, [lead.pk for lead in make_leads(6)], now=now, source="manual", actor=SYSTEM)

    began = clock.monotonic()
    assert processor.run(now)["sent"] == 6
    assert clock.monotonic() - began >= 0.5  # four at once, the others half a second apart
