"""Calls from end to end, by VAPI: placed by the processor, told of in any order, shown, and decided by."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from django.test import Client

from campaigns import polling
from campaigns.auto_replies import is_automatic
from campaigns.models import ContactAttempt, Script
from integrations.models import InboundEvent, ProviderBreaker
from leads import removing
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import make_attempt, make_campaign, make_integration, make_lead, make_script, make_sequence
from tests.integrations import vapi_server as stub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
PHONE = "+12125550123"
IF_ANSWERED = {"field": "step.step-1.result", "op": "is", "value": "answered"}


@pytest.fixture
def outside(settings: Any) -> Iterator[stub.Vapi]:
    make_integration("vapi", **stub.CONFIG)
    with stub.vapi_server() as server:
        settings.VAPI_API_URL = server.url
        yield server


@pytest.fixture
def lead(outside: stub.Vapi, now: Any) -> Lead:
    """In a sequence of a call, due now, and another for whoever picked up."""
    lead = make_lead(phone=PHONE)
    campaign = make_campaign(meta={"vapiConfig": {"maxDurationSeconds": 90, "firstMessage": "Hello"}})
    script = make_script("CALL", campaign=campaign, vapi_config={"firstMessage": "Good day"})
    steps: list[dict[str, Any]] = [
        {"channel": "CALL", "script": script},
        {"channel": "CALL", "conditions": [IF_ANSWERED]},
    ]
    enroll(make_sequence(steps), [lead.pk], now=now, source="manual", actor=SYSTEM)
    return lead


def tell(call: dict[str, Any], kind: str, **said: Any) -> None:
    body = {"message": {"type": kind, "call": call} | said}
    headers = {"X-Vapi-Secret": stub.SECRET}
    answer = Client().post("/api/webhooks/vapi", json.dumps(body), content_type="application/json", headers=headers)
    assert answer.status_code == 200


def report(call: dict[str, Any], reason: str) -> dict[str, Any]:
    artifact = {"transcript": "AI: Good day.", "recordingUrl": "https://storage.example/r.wav"}
    times = {"startedAt": "2026-02-21T09:00:10Z", "endedAt": "2026-02-21T09:02:13Z"}
    return {"endedReason": reason, "cost": 0.1834, "artifact": artifact, "analysis": {"summary": "Talked"}} | times


def placed(outside: stub.Vapi) -> dict[str, Any]:
    return list(outside.calls.values())[-1]


@pytest.mark.parametrize("order", [*permutations(("ringing", "in-progress", "report"))])
def test_a_step_calls_and_follows_what_is_told_in_any_order(
    outside: stub.Vapi, lead: Lead, now: Any, order: tuple[str, ...]
) -> None:
    assert processor.run(now)["sent"] == 1
    call = placed(outside)
    overrides = call["assistantOverrides"]
    assert (overrides["firstMessage"], overrides["maxDurationSeconds"]) == ("Good day", 90)
    assert overrides["variableValues"]["rc_script"] == "Hello Ada, come back."
    for word in (*order, *order):
        if word == "report":
            tell(call, "end-of-call-report", **report(call, "customer-ended-call"))
        else:
            tell(call, "status-update", status=word)
    attempt, step = ContactAttempt.objects.get(), SequenceStepExecution.objects.get(step_key="step-1")
    assert (attempt.status, attempt.provider_ref, attempt.duration) == ("SUCCESS", call["id"], 123)
    assert (attempt.cost, attempt.currency) == (Decimal("0.1834"), "USD")
    assert (step.status, SequenceEnrollment.objects.get().status) == ("DELIVERED", "ACTIVE")


@pytest.mark.parametrize(("reason", "second"), [("customer-ended-call", "SENT"), ("voicemail", "SKIPPED")])
def test_the_next_step_asks_how_the_call_ended(
    outside: stub.Vapi, lead: Lead, now: Any, reason: str, second: str
) -> None:
    processor.run(now)
    call = placed(outside)
    tell(call, "end-of-call-report", **report(call, reason))
    processor.run(now + timedelta(days=1, hours=1))
    assert SequenceStepExecution.objects.get(step_key="step-2").status == second


def test_a_lost_answer_is_found_and_nobody_is_called_twice(outside: stub.Vapi, lead: Lead, now: Any) -> None:
    outside.mood = "drops"
    processor.run(now)
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    outside.mood = ""
    past = clock.now() - timedelta(minutes=20)
    ContactAttempt.objects.update(called_at=past)
    SequenceStepExecution.objects.filter(status="PENDING").update(lease_until=past)
    for call in outside.calls.values():
        call["createdAt"] = past.isoformat()
        outside.end(call["id"], "voicemail")
    processor.run(now)
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.result["outcome"]) == ("DELIVERED", "voicemail")
    assert len(outside.placed) == 1


def test_a_lost_report_is_asked_for_after_an_hour(outside: stub.Vapi, lead: Lead, now: Any) -> None:
    processor.run(now)
    outside.end(placed(outside)["id"], "customer-busy")
    started = ContactAttempt.objects.get().started_at
    assert polling.ask(started + timedelta(minutes=50)) == 0
    assert polling.ask(started + timedelta(minutes=70)) == 1
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.result["outcome"], attempt.cost) == ("FAILED", "busy", Decimal("0.1834"))
    assert polling.ask(started + timedelta(days=2)) == 0


def test_without_a_free_line_nobody_else_is_called_for_a_while(outside: stub.Vapi, lead: Lead, now: Any) -> None:
    outside.is_full = True
    processor.run(now)
    assert ContactAttempt.objects.get().status == "SENT"
    braked = ProviderBreaker.objects.get()
    assert braked.retry_at
    assert braked.opened_at is None


def test_wrong_credentials_hold_the_call_and_cost_no_try(outside: stub.Vapi, lead: Lead, now: Any) -> None:
    make_integration("vapi", **stub.CONFIG | {"apiKey": "wrong"})
    processor.run(now)
    step = SequenceStepExecution.objects.get()
    assert (step.status, step.failures, step.held_reason) == ("SCHEDULED", 0, "provider_down")


def test_what_vapi_does_not_know_fails_this_call_alone_and_is_told(outside: stub.Vapi, lead: Lead, now: Any) -> None:
    Script.objects.filter(type="CALL").update(vapi_config={"assistantOverrides": {"colour": "red"}})
    processor.run(now)
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.reason) == ("FAILED", "misconfigured")
    assert "'colour' was unexpected" in attempt.result["error"]
    outside.broken.clear()
    assert ProviderBreaker.objects.get().opened_at is None  # five in a row are an outage


# What is shown -------------------------------------------------------------------------------------------------------


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def talked(lead: Lead) -> ContactAttempt:
    said = {
        "outcome": "voicemail", "call_status": "ended", "summary": "She was away.", "transcript": "AI: <b>Hi</b>",
        "recordingUrl": "https://storage.example/r.wav", "duration": 65,
    }  # fmt: skip
    fields = {"status": "DELIVERED", "duration": 65, "cost": Decimal("0.18"), "currency": "USD", "result": said}
    return make_attempt(lead, channel="CALL", provider="vapi", provider_ref="c", called_at=clock.now(), **fields)


def test_the_page_of_a_call_tells_all_of_it(as_viewer: Any, talked: ContactAttempt) -> None:
    text = text_of(as_viewer.get(f"/attempts/{talked.pk}/"))
    assert "Went to voicemail, 1 min 5 s." in text
    assert "She was away." in text
    assert "AI: &lt;b&gt;Hi&lt;/b&gt;" in text
    assert 'href="https://storage.example/r.wav" target="_blank" rel="noopener noreferrer"' in text
    assert "<dt>transcript</dt>" not in text


def test_no_address_but_a_web_address_is_a_link(as_viewer: Any, talked: ContactAttempt) -> None:
    talked.result["recordingUrl"] = "javascript:alert(1)"
    talked.save()
    assert "javascript:" not in text_of(as_viewer.get(f"/attempts/{talked.pk}/"))


def test_the_timeline_tells_how_a_call_ended(as_viewer: Any, talked: ContactAttempt) -> None:
    text = text_of(as_viewer.get(f"/leads/{talked.lead_id}/"))
    assert "<strong>went to voicemail</strong>" in text
    assert "1 min 5 s, $0.18. She was away." in text


def test_an_erased_lead_leaves_no_words_of_a_call(talked: ContactAttempt) -> None:
    assert talked.lead
    removing.erase(talked.lead, now=clock.now(), actor=SYSTEM)
    talked.refresh_from_db()
    assert talked.result == {"outcome": "voicemail", "call_status": "ended", "duration": 65}


# What nobody wrote ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "I'm driving with Do Not Disturb turned on. I'll see your message when I get where I'm going.",
        "(I’m driving right now – Focus is turned on.)",
        "Automatic reply: I am away until Monday.",
        "AUTO-REPLY I cannot answer",
        "This is an automated message.",
        "Out of office until 3 March",
        "Automatische Antwort: bin im Urlaub",
    ],
)
def test_what_a_telephone_says_by_itself_is_told_apart(text: str) -> None:
    assert is_automatic(text)


@pytest.mark.parametrize(
    "text", ["I'm driving, call me at five", "Yes", "STOP", "My office is closed", "Automate it?", ""]
)
def test_what_people_write_is_theirs(text: str) -> None:
    assert not is_automatic(text)


@pytest.mark.parametrize(("text", "ends"), [("Out of office until Monday", False), ("I am in the office", True)])
def test_only_a_persons_reply_ends_the_sequence(lead: Lead, now: Any, as_viewer: Any, text: str, ends: bool) -> None:
    sms = make_attempt(lead, channel="SMS", provider="twilio", provider_ref="SM1", called_at=clock.now())
    SequenceStepExecution.objects.update(contact_attempt=sms, status="SENT", executed_at=now, due_at=None)
    enrollment = SequenceEnrollment.objects.get()
    SequenceStepExecution.objects.create(
        enrollment=enrollment, sequence=enrollment.sequence, lead=lead, scheduled_at=now, due_at=now,
        step=enrollment.sequence.steps.get(step_order=2), step_key="step-2", run_no=enrollment.run_no,
    )  # fmt: skip
    event = InboundEvent.objects.create(
        provider="twilio", kind="message", event_key="in:1",
        facts={"channel": "SMS", "from": PHONE, "text": text, "keyword": ""},
    )  # fmt: skip
    processor.run(now)
    event.refresh_from_db()
    assert (event.status, event.facts["automatic"]) == ("APPLIED", not ends)
    sms.refresh_from_db()
    enrollment.refresh_from_db()
    assert bool(sms.result.get("replied")) is ends
    assert enrollment.reason == ("replied" if ends else "")
    shown = text_of(as_viewer.get(f"/leads/{lead.pk}/"))
    assert ("Replied by SMS" in shown) is ends
    assert ("n automatic reply came" in shown) is not ends
