"""Twilio's calls: who may make them, what they mean, and that nothing in one makes us stumble."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import ContactAttempt
from integrations import twilio
from integrations.models import InboundEvent
from leads.models import Lead, Suppression
from retention_center.lib import clock
from sequences.models import SequenceEnrollment
from tests.builders import make_attempt, make_enrollment, make_execution, make_integration, make_lead

pytestmark = pytest.mark.django_db
TOKEN, OLD = "token-of-thirty-two-characters-9d41", "the-token-of-before-it-was-changed"
STATUS, INBOUND = "/api/webhooks/twilio/status", "/api/webhooks/twilio/inbound"
PUBLIC = "https://rc.example.com"
PHONE = "+12125550123"
CALLER = Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def set_up(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC
    make_integration("twilio", accountSid="AC1", authToken=TOKEN, previousAuthToken=OLD)


@pytest.fixture
def lead() -> Lead:
    return make_lead(phone=PHONE)


@pytest.fixture
def attempt(lead: Lead) -> ContactAttempt:
    return make_attempt(lead, channel="SMS", provider="twilio", provider_ref="SM1", address=PHONE)


def post(path: str, token: str = TOKEN, base: str = PUBLIC, **said: str) -> Any:
    signature = twilio.sign(base + path, said.items(), token)
    return CALLER.post(
        path,
        urlencode(said),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )


def report(status: str, sid: str = "SM1", path: str = STATUS, **more: str) -> Any:
    return post(path, MessageSid=sid, MessageStatus=status, AccountSid="AC1", **more)


def write(text: str, sid: str = "SM9", sender: str = PHONE, **more: str) -> Any:
    return post(INBOUND, MessageSid=sid, From=sender, To="+15005550006", Body=text, **more)


# Who may call ---------------------------------------------------------------------------------------------------

SDK = "12345"
FIRST = "https://mycompany.com/myapp.php?foo=1&bar=2"
SAID = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (FIRST, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (FIRST.replace("https", "http").replace(".com", ".com:80"), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (FIRST.replace(".com", ".com:443"), "kvajT1Ptam85bY51eRf/AJRuM3w="),
    ],
)
def test_the_published_signatures_hold_with_and_without_the_port(url: str, signature: str) -> None:
    body = urlencode(SAID).encode()
    assert twilio.is_signed(url, body, signature, [SDK], is_json=False)
    other = url.replace(":443", "").replace(":80", "")
    assert twilio.is_signed(other, body, signature, [SDK], is_json=False)
    assert not twilio.is_signed(url, body + b"1", signature, [SDK], is_json=False)


def test_a_repeated_parameter_counts_with_each_of_its_values() -> None:
    said = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    body = urlencode(said).encode()
    assert twilio.is_signed(FIRST, body, "IK+Dwps556ElfBT0I3Rgjkr1wJU=", [SDK], is_json=False)


def test_of_json_the_address_is_signed_and_holds_the_hash() -> None:
    body = b'{"property": "value", "boolean": true}'
    url = FIRST + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    assert twilio.is_signed(url, body, "a9nBmqA0ju/hNViExpshrM61xv4=", [SDK], is_json=True)
    assert not twilio.is_signed(url, body + b" ", "a9nBmqA0ju/hNViExpshrM61xv4=", [SDK], is_json=True)


@pytest.mark.parametrize("path", [STATUS, INBOUND, STATUS + "/", INBOUND + "/"])
def test_unsigned_calls_change_nothing(path: str) -> None:
    assert post(path, token="wrong", MessageSid="SM1", MessageStatus="sent").status_code == 403
    assert CALLER.post(path, {"MessageSid": "SM1"}).status_code == 403
    assert CALLER.get(path).status_code == 405
    assert not InboundEvent.objects.exists()


def test_without_a_token_it_says_so() -> None:
    make_integration("twilio", accountSid="AC1")
    assert report("sent").status_code == 503


@pytest.mark.parametrize("base", [PUBLIC, PUBLIC + ":443"])
@pytest.mark.parametrize("token", [TOKEN, OLD])
def test_both_tokens_count_and_both_ways_to_write_the_port(base: str, token: str) -> None:
    assert post(STATUS, token, base, MessageSid="SM1", MessageStatus="sent").status_code == 204


def test_json_is_taken_too(attempt: ContactAttempt) -> None:
    body = json.dumps({"MessageSid": "SM1", "MessageStatus": "delivered"})
    path = f"{STATUS}?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    headers = {"X-Twilio-Signature": twilio.sign(PUBLIC + path, (), TOKEN)}
    assert CALLER.post(path, body, content_type="application/json", headers=headers).status_code == 204
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"


@pytest.mark.parametrize("said", [{}, {"MessageSid": "SM1"}, {"MessageStatus": "sent"}, {"MessageSid": "x" * 300}])
def test_what_lacks_something_is_malformed(said: dict[str, str]) -> None:
    assert post(STATUS, **said).status_code == 400
    assert post(INBOUND, **said).status_code == 400


# What became of messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("queued", "SENT"),
        ("sent", "SENT"),
        ("delivered", "DELIVERED"),
        ("read", "DELIVERED"),
        ("partially_delivered", "DELIVERED"),
        ("undelivered", "FAILED"),
        ("failed", "FAILED"),
        ("canceled", "FAILED"),
        ("something new", "SENT"),
    ],
)
def test_every_status_has_its_meaning(attempt: ContactAttempt, theirs: str, ours: str) -> None:
    assert report(theirs, NewField="surprise").status_code == 204
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result["status"]) == (ours, theirs)


def test_a_failure_names_its_code(attempt: ContactAttempt) -> None:
    report("undelivered", ErrorCode="30003")
    attempt.refresh_from_db()
    assert (attempt.reason, attempt.result["error_code"]) == ("not_delivered", "30003")
    assert "unreachable" in attempt.result["error"]


def test_reports_may_come_twice_and_in_any_order(attempt: ContactAttempt) -> None:
    for status in ("delivered", "sent", "delivered", "queued"):
        report(status)
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"
    assert InboundEvent.objects.count() == 3


def test_a_report_that_beats_our_own_record_finds_the_attempt_by_its_planted_id(lead: Lead) -> None:
    attempt = make_attempt(lead, channel="SMS", provider="twilio", status="UNKNOWN")
    report("delivered", "SM7", f"{STATUS}?attempt={attempt.pk}&key=k")
    attempt.refresh_from_db()
    assert (attempt.status, attempt.provider_ref) == ("DELIVERED", "SM7")


def test_a_report_about_nobody_waits() -> None:
    assert report("sent", "SM404").status_code == 204
    assert InboundEvent.objects.get().status == "WAITING"


def test_a_failure_because_of_a_stop_suppresses_the_number(lead: Lead, attempt: ContactAttempt) -> None:
    report("failed", ErrorCode="21610")
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"


# What people write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "more"), [("STOP", {}), ("  stop ", {}), ("Unsubscribe", {}), ("whatever", {"OptOutType": "STOP"})]
)
def test_stop_ends_every_contact_at_once(lead: Lead, text: str, more: dict[str, str]) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment)
    answer = write(text, **more)
    assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "text/xml", b"<Response/>")
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert SequenceEnrollment.objects.get().status == "CANCELLED"
    assert Suppression.objects.standing().filter(channel="ALL", address=PHONE).exists()


def test_with_the_scope_of_a_channel_stop_ends_sms_alone(lead: Lead, settings: Any) -> None:
    settings.OPT_OUT_SCOPE = "channel"
    make_enrollment(lead=lead)
    write("STOP")
    lead.refresh_from_db()
    assert lead.status == "NEW"
    assert Suppression.objects.standing().get().channel == "SMS"
    assert SequenceEnrollment.objects.get().status == "ACTIVE"


def test_start_takes_back_what_stop_set(lead: Lead, attempt: ContactAttempt) -> None:
    write("STOP")
    write("start", sid="SM10")
    lead.refresh_from_db()
    assert lead.status == "CONTACTED"
    assert not Suppression.objects.standing().exists()


def test_a_stop_from_an_unknown_number_is_kept_and_its_start_lifts_it() -> None:
    write("STOP", sender="+12125550199")
    assert Suppression.objects.standing().get().lead is None
    assert InboundEvent.objects.get().status == "APPLIED"
    write("START", sid="SM10", sender="+12125550199")
    assert not Suppression.objects.standing().exists()


@pytest.mark.parametrize("text", ["STOP please", "Yes", "Tell me more"])
def test_anything_else_is_a_reply_to_the_last_sms(lead: Lead, attempt: ContactAttempt, text: str) -> None:
    make_attempt(lead, channel="SMS", provider="twilio", started_at=clock.now() - timedelta(days=3))
    write(text)
    attempt.refresh_from_db()
    lead.refresh_from_db()
    assert (attempt.status, attempt.result["reply_text"]) == ("SUCCESS", text)
    assert lead.status != "DO_NOT_CONTACT"


def test_a_reply_ends_the_sequence_that_asked_for_it(lead: Lead, attempt: ContactAttempt) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment, status="SENT", contact_attempt=attempt)
    make_execution(enrollment, order=2)
    write("Call me")
    enrollment.refresh_from_db()
    assert (enrollment.status, enrollment.reason) == ("CANCELLED", "replied")


def test_help_changes_nothing(lead: Lead, attempt: ContactAttempt) -> None:
    write("HELP")
    attempt.refresh_from_db()
    assert attempt.status == "SENT"
    assert InboundEvent.objects.get().status == "APPLIED"


def test_words_from_nobody_we_know_are_left_for_staff() -> None:
    write("Hello", sender="+12125550199")
    assert InboundEvent.objects.get().status == "UNMATCHED"


def test_words_without_an_sms_before_them_are_left_for_staff(lead: Lead) -> None:
    write("Hello")
    event = InboundEvent.objects.get()
    assert (event.status, event.lead_id) == ("UNMATCHED", lead.pk)


def test_what_no_database_can_hold_is_replaced() -> None:
    assert report("sent", **{"a\x00b": "c\x00d"}).status_code == 204
    assert InboundEvent.objects.get().payload["a\ufffdb"] == "c\ufffdd"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=6), body=st.binary(max_size=200))
def test_whatever_comes_signed_or_not_gets_an_answer(said: dict[str, str], body: bytes) -> None:
    form = "application/x-www-form-urlencoded"
    for path in (STATUS, INBOUND):
        said = {
            name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
            for name, value in said.items()
        }
        assert post(
            path, **{"MessageSid": "SM1", "From": "+1", "Body": "x", "MessageStatus": "sent"} | said
        ).status_code in {200, 204, 400}
        assert CALLER.post(path, body, content_type=form).status_code in {403, 429}
        assert CALLER.post(path, body, content_type="application/json").status_code in {403, 429}
