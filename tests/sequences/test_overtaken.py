"""A worker is overtaken between two of its commits. Each of these was found by the simulator."""

from datetime import timedelta
from decimal import Decimal

import pytest

from campaigns.models import ContactAttempt
from conversions.matching import Clues
from conversions.recording import Told, record
from integrations import inbox
from leads import consent, removing
from retention_center.audit import SYSTEM
from retention_center.lib import clock, seams
from sequences import processor
from sequences.enrolling import cancel, enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_attempt, make_integration, make_lead, make_sequence
from tests.simulation.virtual_time import VirtualTime

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


@pytest.fixture
def meanwhile(monkeypatch):
    """``meanwhile("called", act)``: what happens when a worker first stands at that seam."""

    def arrange(name, act):
        waiting = [act]
        monkeypatch.setattr(seams, "hook", lambda at: waiting.pop()() if at == name and waiting else None)

    return arrange


def enter(sequence, lead, now):
    enroll(sequence, [lead.pk], now=now, source="manual", actor=SYSTEM)
    return sequence.enrollments.get(lead=lead)


def report_failed(attempt: ContactAttempt, reference: str, now):
    facts = {"status": "FAILED"}
    event, _new = inbox.receive(
        attempt.provider, "delivery", "one", facts=facts, attempt_id=attempt.pk, provider_ref=reference, now=now
    )
    assert inbox.apply(event, now)
    attempt.refresh_from_db()


@pytest.mark.parametrize("seam", ["intended", "called"])
def test_whoever_enters_anew_while_a_step_is_in_flight_follows_the_new_run_alone(now, meanwhile, seam):
    sequence, lead = make_sequence(2), make_lead()
    enrollment = enter(sequence, lead, now)

    def leave_and_enter():
        cancel(enrollment, now=now, actor=SYSTEM)
        enter(sequence, lead, now + timedelta(hours=2))

    meanwhile(seam, leave_and_enter)
    processor.run(now)

    open_steps = SequenceStepExecution.objects.open().values_list("run_no", "step_key", "status")
    assert list(open_steps) == [(2, "step-1", "SCHEDULED")]
    assert ContactAttempt.objects.accepted().count() == (1 if seam == "called" else 0)


def test_a_report_that_comes_before_our_own_record_leaves_the_providers_reference(now):
    attempt = make_attempt(status="UNKNOWN", called_at=clock.now())

    report_failed(attempt, "ref-1", now)

    assert (attempt.status, attempt.provider_ref) == ("FAILED", "ref-1")


def test_a_late_record_does_not_wipe_out_why_a_message_did_not_arrive(now, meanwhile):
    enter(make_sequence(1), make_lead(), now)

    def be_told():
        ContactAttempt.objects.update(status="UNKNOWN")
        attempt = ContactAttempt.objects.get()
        report_failed(attempt, f"sandbox-{attempt.idempotency_key}", now)

    meanwhile("called", be_told)
    processor.run(now)

    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.reason) == ("FAILED", "not_delivered")


def test_a_worker_that_stood_still_asks_what_time_it_is_before_it_goes_on(now, monkeypatch, meanwhile):
    evening = VirtualTime(now.replace(hour=20, minute=59))
    monkeypatch.setattr(clock, "source", evening)
    for _ in range(2):
        enter(make_sequence(1), make_lead(), evening.now())
    meanwhile("recorded", lambda: evening.advance(timedelta(hours=1)))

    counts = processor.run()

    assert (counts["sent"], counts["held"]) == (1, 1)


def test_what_is_reported_after_a_lead_was_erased_leaves_nothing_anybody_said(now):
    lead = make_lead()
    attempt = make_attempt(lead, status="SENT", provider_ref="ref-1", called_at=clock.now(), deadline_at=clock.now())
    removing.erase(lead, actor=SYSTEM, now=now)

    facts = {"text": "Please stop, I am Ada.", "automatic": False}
    event, _ = inbox.receive("sandbox", "reply", "late", facts=facts, attempt_id=attempt.pk, now=now)
    inbox.apply(event, now)

    attempt.refresh_from_db()
    event.refresh_from_db()
    assert (attempt.status, attempt.result, event.facts) == ("SUCCESS", {"replied": True}, {})


def test_who_was_erased_and_then_opts_out_or_buys_leaves_no_words_either(now):
    lead = make_lead()
    removing.erase(lead, actor=SYSTEM, now=now)

    consent.opt_out(lead, channel="EMAIL", reason=consent.OPTED_OUT, source="unsubscribe", now=now, actor=SYSTEM)
    told = Told(
        source="t",
        key="1",
        status="sale",
        revenue=Decimal(1),
        received_at=now,
        clues=Clues(lead_id=lead.pk),
        data={"who": "Ada"},
    )
    row, _is_new = record(told, now)

    lead.refresh_from_db()
    row.refresh_from_db()
    assert (lead.status, lead.meta, row.postback_data) == ("DO_NOT_CONTACT", {}, {})
