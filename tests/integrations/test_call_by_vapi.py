"""VAPI's calls to us: who may make them, what they mean in whatever order they come, and that none makes us stumble."""

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count, permutations
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import ContactAttempt
from integrations import vapi
from integrations.models import InboundEvent, ProviderBreaker
from leads.models import Lead
from retention_center.lib import clock
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import make_attempt, make_enrollment, make_execution, make_integration, make_lead

pytestmark = pytest.mark.django_db
SECRET, OLD = "a-secret-of-thirty-two-characters", "the-secret-of-before-it-was-changed"
PATH = "/api/webhooks/vapi"
PHONE, CALL = "+12125550123", "019c0000-0000-7000-8000-00000000ca11"
NUMBERS = count(1)
CALLER = Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def set_up() -> None:
    make_integration("vapi", apiKey="k", webhookSecret=SECRET, previousWebhookSecret=OLD)


@pytest.fixture
def lead() -> Lead:
    return make_lead(phone=PHONE)


@pytest.fixture
def attempt(lead: Lead) -> ContactAttempt:
    return make_attempt(lead, channel="CALL", provider="vapi", provider_ref=CALL, address=PHONE)


def post(said: Any, path: str = PATH, headers: dict[str, str] | None = None) -> Any:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    headers = {"X-Vapi-Secret": SECRET} if headers is None else headers
    return CALLER.post(path, body, content_type="application/json", headers=headers)


def status(word: str, **call: Any) -> dict[str, Any]:
    return {"message": {"type": "status-update", "status": word, "call": {"id": CALL} | call, "timestamp": 1}}


def report(reason: str = "customer-ended-call", call: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    said = {
        "type": "end-of-call-report", "endedReason": reason, "cost": 0.1834,
        "startedAt": "2026-02-21T09:00:10.000Z", "endedAt": "2026-02-21T09:02:13.000Z",
        "artifact": {"transcript": "AI: Hello. User: Hi.", "recordingUrl": "https://storage.example/rec.wav?sig=1"},
        "analysis": {"summary": "Short talk", "successEvaluation": "true"}, "call": call or {"id": CALL},
    }  # fmt: skip
    return {"message": said | more}


# Who may call --------------------------------------------------------------------------------------------------------


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(clock.now().timestamp() if at is None else at))
    return {"x-signature": vapi.sign(stamp, body, secret), "x-timestamp": stamp}


BODY = json.dumps(status("ringing")).encode()
PROOFS = {
    "secret": {"X-Vapi-Secret": SECRET},
    "bearer": {"Authorization": f"Bearer {SECRET}"},
    "hmac": signed(BODY),
}


@pytest.mark.parametrize("given_as", PROOFS)
@pytest.mark.parametrize("wanted", [*PROOFS, None])
def test_only_the_way_that_was_set_up_counts(wanted: str | None, given_as: str) -> None:
    config: dict[str, Any] = {"webhookAuth": wanted} if wanted else {}
    make_integration("vapi", webhookSecret=SECRET, **config)
    headers = signed(BODY) if given_as == "hmac" else PROOFS[given_as]
    assert post(BODY, headers=headers).status_code == (200 if (wanted or "secret") == given_as else 401)


def test_the_secret_before_this_one_still_counts() -> None:
    assert post(status("ringing"), headers={"X-Vapi-Secret": OLD}).status_code == 200
    make_integration("vapi", webhookAuth="hmac", webhookSecret=SECRET, previousWebhookSecret=OLD)
    assert post(BODY, headers=signed(BODY, OLD)).status_code == 200


@pytest.mark.parametrize(
    ("shift", "factor", "answer"), [(0, 1, 200), (0, 1000, 200), (-290, 1, 200), (-310, 1, 401), (400_000, 1000, 401)]
)
def test_a_signature_is_good_for_five_minutes_in_seconds_or_milliseconds(shift: int, factor: int, answer: int) -> None:
    make_integration("vapi", webhookAuth="hmac", webhookSecret=SECRET)
    headers = signed(BODY, at=(clock.now().timestamp() + shift) * factor)
    assert post(BODY, headers=headers).status_code == answer
    assert post(BODY, headers=headers | {"x-signature": "sha256=" + headers["x-signature"]}).status_code == answer
    assert post(BODY + b" ", headers=headers).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"X-Vapi-Secret": ""}, {"X-Vapi-Secret": "wrong"}, {"Authorization": "x"}])
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_strangers_change_nothing(path: str, headers: dict[str, str]) -> None:
    assert post(report(), path, headers).status_code == 401
    assert CALLER.get(path).status_code == 405
    assert not InboundEvent.objects.exists()


def test_without_a_secret_it_says_so() -> None:
    make_integration("vapi", apiKey="k")
    assert post(report()).status_code == 503


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{", b"[]", b"null", b"\xff", {}, {"message": []}, {"message": {}}, {"message": {"type": 5}},
        {"message": {"type": "status-update", "call": {"id": CALL}}},
        {"message": {"type": "status-update", "status": "ended"}},
        {"message": {"type": "end-of-call-report", "call": {"id": CALL}}},
        {"message": {"type": "end-of-call-report", "endedReason": "voicemail", "call": {"id": "x" * 300}}},
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_lacks_something_is_malformed(said: Any) -> None:
    assert post(said).status_code == 400
    assert not InboundEvent.objects.exists()


# How a call goes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("scheduled", "SENT"), ("queued", "SENT"), ("ringing", "SENT"), ("in-progress", "SENT"), ("forwarding", "SENT"),
        ("ended", "SENT"), ("not-found", "FAILED"), ("deletion-failed", "SENT"), ("something new", "SENT"),
    ],
)  # fmt: skip
def test_every_status_has_its_meaning(attempt: ContactAttempt, word: str, ours: str) -> None:
    answer = post(status(word))
    assert (answer.status_code, answer.json()) == (200, {})
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result["call_status"]) == (ours, word)


def test_a_report_tells_everything_by_itself(lead: Lead, attempt: ContactAttempt) -> None:
    assert post(report()).status_code == 200
    attempt.refresh_from_db()
    lead.refresh_from_db()
    assert (attempt.status, attempt.duration, attempt.reason) == ("SUCCESS", 123, "")
    assert (attempt.cost, attempt.currency) == (Decimal("0.1834"), "USD")
    assert str(attempt.completed_at) == "2026-02-21 09:02:13+00:00"
    assert lead.status == "CONTACTED"
    said = {name: attempt.result[name] for name in ("outcome", "endedReason", "transcript", "summary", "duration")}
    assert said == {
        "outcome": "answered", "endedReason": "customer-ended-call", "transcript": "AI: Hello. User: Hi.",
        "summary": "Short talk", "duration": 123,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "seconds", "ours", "outcome", "why"),
    [
        ("customer-ended-call", 60, "SUCCESS", "answered", ""),
        ("silence-timed-out", 20, "DELIVERED", "silent", ""),
        ("voicemail", 20, "DELIVERED", "voicemail", ""),
        ("customer-did-not-answer", 0, "FAILED", "no_answer", "not_delivered"),
        ("customer-busy", 0, "FAILED", "busy", "not_delivered"),
        ("twilio-reported-customer-misdialed", 0, "FAILED", "invalid_number", "invalid_address"),
        ("vonage-rejected", 0, "FAILED", "carrier_rejected", "not_delivered"),
        ("manually-canceled", 0, "FAILED", "canceled", "not_delivered"),
        ("call.start.error-vapi-number-outbound-daily-limit", 0, "FAILED", "transient_next_day", "not_delivered"),
        ("call.start.error-get-transport", 0, "FAILED", "transient", "not_delivered"),
        ("call.start.error-get-transport", 45, "DELIVERED", "dropped", ""),
        ("assistant-request-failed", 0, "FAILED", "config", "misconfigured"),
        ("call.start.error-subscription-frozen", 0, "FAILED", "account", "misconfigured"),
        ("hangup", 5, "SUCCESS", "answered", ""),
    ],
)
def test_how_it_ended_decides(
    attempt: ContactAttempt, reason: str, seconds: int, ours: str, outcome: str, why: str
) -> None:
    execution = make_execution(make_enrollment(lead=attempt.lead), status="SENT", contact_attempt=attempt)
    post(report(reason, durationSeconds=seconds))
    attempt.refresh_from_db()
    execution.refresh_from_db()
    assert (attempt.status, attempt.result["outcome"], attempt.reason) == (ours, outcome, why)
    assert execution.status == ("FAILED" if ours == "FAILED" else "DELIVERED")
    assert not SequenceStepExecution.objects.filter(status="SCHEDULED").exists()  # never opened again


def test_whatever_the_order_the_end_is_the_same(lead: Lead) -> None:
    told = [status("ringing"), status("in-progress", startedAt="2026-02-21T09:00:10Z"), status("ended"), report()]
    ends = []
    for number, order in enumerate(permutations(told)):
        reference = f"call-{number}"
        attempt = make_attempt(lead, channel="CALL", provider="vapi", provider_ref=reference)
        for said in (*order, order[0]):
            assert post(json.loads(json.dumps(said).replace(CALL, reference))).status_code == 200
        attempt.refresh_from_db()
        ends.append((attempt.status, attempt.cost, attempt.duration, attempt.completed_at, attempt.result))
    assert all(end == ends[0] for end in ends)
    assert ends[0][4]["call_status"] == "ended"


def test_a_second_report_with_other_addresses_changes_nothing(attempt: ContactAttempt) -> None:
    post(report())
    post(report("voicemail", artifact={"recordingUrl": "https://storage.example/rec.wav?sig=2"}))
    attempt.refresh_from_db()
    assert attempt.result["recordingUrl"].endswith("sig=1")
    assert InboundEvent.objects.count() == 1


@pytest.mark.parametrize("where", ["name", "metadata"])
def test_a_report_that_beats_our_own_record_finds_the_attempt_by_what_we_planted(lead: Lead, where: str) -> None:
    attempt = make_attempt(lead, channel="CALL", provider="vapi", status="UNKNOWN")
    metadata = {"assistantOverrides": {"metadata": {"attemptId": attempt.pk}}}
    post(report(call={"id": "c-7"} | ({"name": attempt.pk} if where == "name" else metadata)))
    attempt.refresh_from_db()
    assert (attempt.status, attempt.provider_ref) == ("SUCCESS", "c-7")


def test_a_report_about_nobody_waits() -> None:
    assert post(report(call={"id": "c-404"})).status_code == 200
    assert InboundEvent.objects.get().status == "WAITING"


def test_what_is_no_amount_is_kept_as_nothing_with_a_warning(attempt: ContactAttempt) -> None:
    body = json.dumps(report()).replace("0.1834", "NaN").encode()
    assert post(body).status_code == 200
    attempt.refresh_from_db()
    assert attempt.cost == 0
    assert "is no amount" in InboundEvent.objects.get().facts["warnings"][0]


def test_other_messages_are_kept_and_change_nothing(attempt: ContactAttempt) -> None:
    for kind in ("hang", "speech-update", "transcript", "tool-calls"):
        assert post({"message": {"type": kind, "call": {"id": CALL}}}).json() == {}
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result) == ("SENT", {})
    assert set(InboundEvent.objects.values_list("kind", "status")) == {("note", "APPLIED")}
    post({"message": {"type": "hang"}})
    assert InboundEvent.objects.get(attempt_id="", provider_ref="").status == "UNMATCHED"


def test_no_secret_and_no_prompt_is_kept() -> None:
    call = {"id": CALL, "assistantOverrides": {"server": {"headers": {"X-Vapi-Secret": SECRET}}}}
    post(report(call=call, assistant={"model": "the whole prompt"}))
    kept = str(list(InboundEvent.objects.values()))
    assert SECRET not in kept
    assert "prompt" not in kept


def test_what_would_hit_everybody_opens_the_breaker_when_it_is_news(attempt: ContactAttempt) -> None:
    frozen = "call.start.error-subscription-frozen"
    post(report(frozen))
    assert not ProviderBreaker.objects.exists()  # that call ended long ago
    just_now = (clock.now() - timedelta(seconds=5)).isoformat()
    make_attempt(attempt.lead, channel="CALL", provider="vapi", provider_ref="c-2")
    post(report(frozen, call={"id": "c-2"}, startedAt=None, endedAt=just_now))
    row = ProviderBreaker.objects.get()
    assert row.opened_at
    assert frozen in row.reason


# Who rings back ------------------------------------------------------------------------------------------------------


def rung_back(reason: str = "customer-ended-call", number: str = PHONE) -> dict[str, Any]:
    call = {"id": "in-1", "type": "inboundPhoneCall", "customer": {"number": number}}
    return report(reason, call=call)


def test_a_call_back_answers_the_last_call_and_ends_the_sequence(lead: Lead, attempt: ContactAttempt) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment, status="SENT", contact_attempt=attempt)
    make_execution(enrollment, order=2)
    post(rung_back())
    attempt.refresh_from_db()
    enrollment.refresh_from_db()
    assert (attempt.status, attempt.result["reply_text"]) == ("SUCCESS", "Short talk")
    assert (enrollment.status, enrollment.reason) == ("CANCELLED", "replied")


def test_an_answered_call_of_ours_is_no_reply(lead: Lead, attempt: ContactAttempt) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment, status="SENT", contact_attempt=attempt)
    post(report())
    enrollment.refresh_from_db()
    assert enrollment.status == SequenceEnrollment.Status.ACTIVE


@pytest.mark.parametrize(
    ("said", "state"),
    [(rung_back(number="+12125550199"), "UNMATCHED"), (rung_back("customer-did-not-answer"), "WAITING")],
)
def test_other_calls_to_us_are_left_for_staff(said: dict[str, Any], state: str) -> None:
    assert post(said).status_code == 200
    assert InboundEvent.objects.get().status == state


# Whatever comes ------------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ("status", "endedReason", "cost", "startedAt", "endedAt", "durationSeconds", "artifact", "analysis", "call")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["status-update", "end-of-call-report", "hang"]) | ANYTHING,
    said=st.dictionaries(st.sampled_from(FIELDS), ANYTHING),
)
def test_whatever_stands_in_a_message_gets_an_answer(attempt: ContactAttempt, kind: Any, said: dict[str, Any]) -> None:
    reference = f"n-{next(NUMBERS)}"
    make_attempt(attempt.lead, channel="CALL", provider="vapi", provider_ref=reference)
    usual = {"type": kind, "endedReason": "voicemail", "status": "ended", "call": {"id": reference}}
    assert post({"message": usual | said}).status_code in {200, 400}
    assert not InboundEvent.objects.filter(reason__startswith="An error of ours").exists()
