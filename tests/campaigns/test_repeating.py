"""A provider whose receivers leave out repeats: what nobody answered is handed over again, under the same id."""

from datetime import timedelta

import pytest

from campaigns.by_hand import MayNot, contact_now, send_again
from campaigns.models import ContactAttempt, ContactPolicy
from integrations.models import IntegrationConfig
from integrations.providers.base import OutcomeUnknown
from leads.consent import opt_out
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_attempt, make_lead, make_leads, make_script, make_sequence
from tests.stub_provider import PATH_REPEATABLE, RepeatableProvider, StubProvider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def stub(db, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH_REPEATABLE}
    IntegrationConfig.objects.create(provider="stub", type="webhook", is_active=True)
    yield
    StubProvider.reset()


@pytest.fixture
def entered(now):
    sequence = make_sequence([{"channel": "WEBHOOK"}, {"channel": "WEBHOOK"}])
    (lead,) = make_leads(1, external_id="A1")
    enroll(sequence, [lead.pk], now=now, source="manual", actor=SYSTEM)
    return lead


def keeps_silent(*, arrives: bool) -> None:
    def answer(message) -> None:
        if arrives:
            RepeatableProvider.arrived.setdefault(message.key, []).append(message)
        raise OutcomeUnknown("Silence.")

    StubProvider.answer = staticmethod(answer)


def answers_again() -> None:
    StubProvider.answer = staticmethod(lambda message: None)


def attempts() -> list[tuple[str, str]]:
    return list(ContactAttempt.objects.order_by("try_no").values_list("status", "reason"))


def test_silence_is_followed_by_the_same_id_an_hour_later(entered, now):
    keeps_silent(arrives=True)
    assert processor.run(now)["retried"] == 1
    answers_again()
    assert processor.run(now + HOUR / 2)["sent"] == 0
    assert processor.run(now + HOUR)["sent"] == 1
    assert attempts() == [("UNKNOWN", "outcome_unknown"), ("SENT", "")]
    assert sum(map(len, RepeatableProvider.arrived.values())) == 2
    step = SequenceStepExecution.objects.get(step_key="step-1")
    assert RepeatableProvider.acted_on() == [step.pk]
    assert step.status == "SENT"


def test_silence_twice_closes_the_step_as_unknown_and_the_sequence_moves_on(entered, now):
    keeps_silent(arrives=False)
    processor.run(now)
    assert processor.run(now + HOUR)["failed"] == 1
    step = SequenceStepExecution.objects.get(step_key="step-1")
    assert (step.status, step.reason) == ("FAILED", "outcome_unknown")
    assert SequenceStepExecution.objects.open().get().step_key == "step-2"
    assert len(attempts()) == 2


def test_nothing_is_repeated_to_who_opted_out_meanwhile(entered, now):
    keeps_silent(arrives=False)
    processor.run(now)
    opt_out(entered, channel="ALL", source="staff", reason="asked", now=now, actor=SYSTEM)
    answers_again()
    assert processor.run(now + HOUR)["sent"] == 0
    assert len(attempts()) == 1


def test_what_a_dead_worker_called_is_repeated_as_well(entered, now, monkeypatch):
    class Dies(BaseException):
        """As after SIGKILL."""

    def die(*_args) -> None:
        raise Dies

    with monkeypatch.context() as patch:
        patch.setattr("campaigns.delivery.rounds.record_answers", die)
        with pytest.raises(Dies):
            processor.run(now)
    long_ago = clock.now() - timedelta(days=1)
    ContactAttempt.objects.update(called_at=long_ago, deadline_at=long_ago + HOUR)
    SequenceStepExecution.objects.filter(status="PENDING").update(lease_until=long_ago)
    assert processor.run(now)["retried"] == 1
    assert processor.run(now + HOUR)["sent"] == 1
    assert len(RepeatableProvider.acted_on()) == 1


def test_by_hand_it_is_tried_once_and_its_end_is_told(now):
    keeps_silent(arrives=False)
    attempt = contact_now(make_lead(external_id="A2"), make_script("WEBHOOK"), token="one", now=now, actor=SYSTEM)
    assert (attempt.status, attempt.reason, attempt.completed_at) == ("UNKNOWN", "outcome_unknown", now)


def sent_attempt(now) -> ContactAttempt:
    return contact_now(make_lead(external_id="A2"), make_script("WEBHOOK"), token="one", now=now, actor=SYSTEM)


def test_staff_send_it_again_under_the_id_its_receiver_knows(now):
    first = sent_attempt(now)
    again = send_again(first, token="two", now=now, actor=SYSTEM)
    assert again.pk != first.pk
    assert again.status == "SENT"
    assert send_again(first, token="two", now=now, actor=SYSTEM).pk == again.pk
    send_again(again, token="three", now=now, actor=SYSTEM)
    assert RepeatableProvider.acted_on() == [first.work_id]
    assert ContactAttempt.objects.count() == 3
    assert AuditEvent.objects.filter(action="contact").count() == 3


def test_nothing_is_sent_again_to_who_may_not_be_contacted(now):
    lead = sent_attempt(now).lead
    assert lead is not None
    opt_out(lead, channel="ALL", source="staff", reason="asked", now=now, actor=SYSTEM)
    with pytest.raises(MayNot):
        send_again(ContactAttempt.objects.get(), token="two", now=now, actor=SYSTEM)
    assert ContactAttempt.objects.count() == 1


def test_the_page_of_a_webhook_sends_it_again(as_operator, as_viewer):
    ContactPolicy.objects.create(contact_hours_start="00:00", contact_hours_end="24:00")
    script = make_script("WEBHOOK")
    fields = {
        "channel": "WEBHOOK",
        "script": script,
        "provider": "stub",
        "provider_ref": "r1",
        "called_at": clock.now(),
    }
    attempt = make_attempt(make_lead(external_id="A1"), **fields)
    page = f"/attempts/{attempt.pk}/"
    assert "Send again" in as_operator.get(page).content.decode()
    assert "Send again" not in as_viewer.get(page).content.decode()
    assert as_viewer.post(f"{page}again/", {"token": "one"}).status_code == 403
    as_operator.post(f"{page}again/", {"token": "one"}, follow=True)
    as_operator.post(f"{page}again/", {"token": "one"}, follow=True)
    assert RepeatableProvider.acted_on() == [attempt.work_id]
    assert ContactAttempt.objects.count() == 2


def test_only_webhooks_are_sent_again(as_operator):
    attempt = make_attempt(script=make_script(), provider_ref="r1", called_at=clock.now())
    assert "Send again" not in as_operator.get(f"/attempts/{attempt.pk}/").content.decode()
    answer = as_operator.post(f"/attempts/{attempt.pk}/again/", {"token": "one"}, follow=True)
    assert "Nothing was sent." in answer.content.decode()
