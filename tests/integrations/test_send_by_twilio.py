"""The Twilio provider against a server that speaks as Twilio's description says, and fails in every documented way."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from campaigns.reasons import Reason
from integrations import providers
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.twilio import Twilio
from retention_center.lib import clock
from tests.integrations import twilio_server as stub

CODES = json.loads((Path(providers.__path__[0]) / "data" / "twilio_error_codes.json").read_text())["codes"]


@pytest.fixture(scope="module")
def server() -> Iterator[stub.Twilio]:
    with stub.twilio_server() as running:
        yield running


@pytest.fixture
def outside(server: stub.Twilio, settings: Any) -> Iterator[stub.Twilio]:
    url = server.url
    server.__init__()  # type: ignore[misc]
    server.url = settings.TWILIO_API_URL = url
    settings.PUBLIC_URL = "https://rc.example.com"
    yield server
    assert not server.broken


@pytest.fixture
def twilio(outside: stub.Twilio) -> Iterator[Twilio]:
    provider = Twilio(stub.CONFIG)
    yield provider
    provider.close()


def message(**fields: Any) -> Message:
    defaults = {"key": "work:1", "attempt_id": "A1", "lead_id": "L1", "channel": "SMS", "to": "+14155552671"}
    return Message(**defaults | {"text": "Hello Ada"} | fields)


def refused(provider: Twilio, **fields: Any) -> NotSent:
    with pytest.raises(NotSent) as refusal:
        provider.send(message(**fields))
    return refusal.value


def test_the_message_is_handed_over_with_our_key_in_the_callback(twilio: Twilio, outside: stub.Twilio) -> None:
    receipt = twilio.send(message())
    assert receipt.reference in outside.messages
    assert receipt.result == {"status": "queued", "segments": 1}
    (posted,) = outside.posted
    assert (posted["To"], posted["From"], posted["Body"]) == ("+14155552671", "+15005550006", "Hello Ada")
    callback = urlsplit(posted["StatusCallback"])
    assert callback.netloc + callback.path == "rc.example.com/api/webhooks/twilio/status"
    assert parse_qs(callback.query) == {"attempt": ["A1"], "key": ["work:1"]}


def test_a_messaging_service_takes_the_place_of_a_number(outside: stub.Twilio) -> None:
    service = "MG" + "0" * 32
    Twilio(stub.CONFIG | {"messagingServiceSid": service}).send(message())
    (posted,) = outside.posted
    assert posted["MessagingServiceSid"] == service
    assert "From" not in posted


EFFECTS: dict[str, dict[str, Any]] = {
    "retry": {"retry_after": 60.0},
    "retry_later": {},
    "permanent_number": {"permanent": True, "reason": "invalid_address"},
    "opt_out": {"permanent": True, "reason": "suppressed"},
    "content": {"permanent": True},
    "permanent": {"permanent": True},
    "bug": {"permanent": True},
    "config": {"account_wide": True, "reason": "misconfigured"},
    "config_here": {"permanent": True, "reason": "misconfigured"},
    "account": {"account_wide": True, "reason": "misconfigured"},
}


@pytest.mark.parametrize("code", [code for code, (action, _) in CODES.items() if action in EFFECTS])
@pytest.mark.parametrize("as_problem", [False, True])
def test_every_documented_code_says_what_to_do(
    twilio: Twilio, outside: stub.Twilio, code: str, as_problem: bool
) -> None:
    outside.fail, outside.as_problem = (400, int(code)), as_problem
    refusal = refused(twilio)
    said: dict[str, Any] = {"permanent": False, "account_wide": False, "retry_after": None, "reason": "refused"}
    assert {name: getattr(refusal, name) for name in said} == said | EFFECTS[CODES[code][0]]
    assert refusal.reason in list(Reason)
    assert "+1415" not in str(refusal)
    assert code in str(refusal)


def test_a_stop_is_reported_with_the_refusal(twilio: Twilio, outside: stub.Twilio) -> None:
    outside.fail = (400, 21610)
    (report,) = refused(twilio).reports
    assert (report.kind, report.facts["channel"]) == ("opt_out", "SMS")


@pytest.mark.parametrize(("status", "code"), [(500, 20500), (503, 20503), (502, 0), (500, 21211), (400, 20500)])
def test_where_twilio_itself_failed_the_outcome_is_unknown(
    twilio: Twilio, outside: stub.Twilio, status: int, code: int
) -> None:
    outside.fail = (status, code)
    with pytest.raises(OutcomeUnknown):
        twilio.send(message())


@pytest.mark.parametrize(
    ("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, 10.0), ({"Retry-After": "soon"}, 10.0)]
)
def test_too_many_requests_are_waited_for(
    twilio: Twilio, outside: stub.Twilio, header: dict[str, str], seconds: float
) -> None:
    outside.fail, outside.headers = (429, 20429), header
    assert refused(twilio).retry_after == seconds


def test_wrong_credentials_hit_everybody(outside: stub.Twilio) -> None:
    assert refused(Twilio(stub.CONFIG | {"authToken": "wrong"})).account_wide


@pytest.mark.parametrize(("status", "wide"), [(400, False), (403, True)])
def test_an_unknown_code_is_judged_by_its_status(twilio: Twilio, outside: stub.Twilio, status: int, wide: bool) -> None:
    outside.fail = (status, 99999)
    refusal = refused(twilio)
    assert (refusal.account_wide, refusal.permanent) == (wide, not wide)


@pytest.mark.parametrize("text", ["", " ", "x" * 1601])
def test_what_twilio_never_takes_is_not_sent_at_all(twilio: Twilio, outside: stub.Twilio, text: str) -> None:
    assert refused(twilio, text=text).permanent
    assert not outside.posted


def test_without_a_connection_nothing_was_sent(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.TWILIO_API_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refused(Twilio(stub.CONFIG)).reason == "not_handed_over"


@pytest.mark.parametrize("mood", ["drops", "silent", "babbles"])
def test_silence_after_the_request_is_unknown_and_the_message_is_found_later(
    twilio: Twilio, outside: stub.Twilio, settings: Any, mood: str
) -> None:
    settings.CALL_SECONDS, outside.mood = 1, mood
    called_at = clock.now()
    with pytest.raises(OutcomeUnknown):
        twilio.send(message())
    outside.mood = ""
    found = twilio.find(message(called_at=called_at))
    assert found is not None
    assert found.reference in outside.messages


def test_a_message_that_never_arrived_is_certainly_absent(twilio: Twilio, outside: stub.Twilio) -> None:
    twilio.send(message(text="Another text"))
    twilio.send(message(to="+14155552672"))
    assert twilio.find(message(called_at=clock.now())) is None


def test_an_older_message_with_the_same_text_is_another_one(twilio: Twilio) -> None:
    twilio.send(message())
    assert twilio.find(message(called_at=clock.now() + timedelta(hours=1))) is None


def test_two_that_look_the_same_cannot_be_told_apart(twilio: Twilio) -> None:
    twilio.send(message())
    twilio.send(message())
    with pytest.raises(OutcomeUnknown):
        twilio.find(message(called_at=clock.now()))


def test_a_look_up_that_fails_tells_nothing(twilio: Twilio, outside: stub.Twilio) -> None:
    with pytest.raises(OutcomeUnknown):
        Twilio(stub.CONFIG | {"authToken": "wrong"}).find(message())


def test_what_became_of_it_and_its_price_are_asked_for_later(twilio: Twilio, outside: stub.Twilio) -> None:
    reference = twilio.send(message()).reference
    outside.messages[reference] |= {"status": "delivered", "price": "-0.00790", "price_unit": "USD"}
    report = twilio.look(reference)
    assert report is not None
    assert report.facts["status"] == "DELIVERED"
    assert (Decimal(report.facts["cost"]), report.facts["currency"]) == (Decimal("0.0079"), "USD")
    assert twilio.look("SM" + "f" * 32) is None


def test_a_failure_is_told_with_its_code(twilio: Twilio, outside: stub.Twilio) -> None:
    reference = twilio.send(message()).reference
    outside.messages[reference] |= {"status": "undelivered", "error_code": 30003}
    report = twilio.look(reference)
    assert report is not None
    assert (report.facts["status"], report.facts["result"]["error_code"]) == ("FAILED", "30003")


def test_the_connection_is_tested_by_a_real_call(twilio: Twilio, outside: stub.Twilio) -> None:
    assert twilio.check() == "Twilio knows the account Growth."
    with pytest.raises(NotSent, match="20003"):
        Twilio(stub.CONFIG | {"authToken": "wrong"}).check()
