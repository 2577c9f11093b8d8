"""The VAPI provider against a server that speaks as VAPI's description says, and fails in every documented way."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations import providers
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.vapi import LISTED, Vapi
from integrations.providers.vapi_calls import ended, layered, meaning_of, outcome_of
from retention_center.lib import clock
from tests.integrations import vapi_server as stub

OUTCOMES = json.loads((Path(providers.__path__[0]) / "data" / "vapi_ended_reasons.json").read_text())["outcomes"]


@pytest.fixture(scope="module")
def server() -> Iterator[stub.Vapi]:
    with stub.vapi_server() as running:
        yield running


@pytest.fixture
def outside(server: stub.Vapi, settings: Any) -> Iterator[stub.Vapi]:
    url = server.url
    server.__init__()  # type: ignore[misc]
    server.url = settings.VAPI_API_URL = url
    settings.PUBLIC_URL = "https://rc.example.com"
    yield server
    assert not server.broken


@pytest.fixture
def vapi(outside: stub.Vapi) -> Iterator[Vapi]:
    provider = Vapi(stub.CONFIG)
    yield provider
    provider.close()


def message(**fields: Any) -> Message:
    defaults = {"key": "work:1", "attempt_id": "A1", "lead_id": "L1", "channel": "CALL", "to": "+14155552671"}
    return Message(**defaults | {"text": "Say hello to Ada"} | fields)


def refused(provider: Vapi, **fields: Any) -> NotSent:
    with pytest.raises(NotSent) as refusal:
        provider.send(message(**fields))
    return refusal.value


# Placing a call ------------------------------------------------------------------------------------------------------


def test_the_call_is_placed_with_our_key_and_the_script(vapi: Vapi, outside: stub.Vapi) -> None:
    receipt = vapi.send(message())
    assert receipt.reference in outside.calls
    assert (receipt.result, receipt.pause) == ({"call_status": "queued"}, None)
    (placed,) = outside.placed
    assert placed["assistantId"] == stub.CONFIG["assistantId"]
    assert placed["phoneNumberId"] == stub.CONFIG["phoneNumberId"]
    assert placed["customer"] == {"number": "+14155552671", "externalId": "L1"}
    assert placed["name"] == "A1"
    overrides = placed["assistantOverrides"]
    assert overrides["variableValues"] == {"rc_script": "Say hello to Ada"}
    assert overrides["metadata"] == {"attemptId": "A1", "key": "work:1"}
    assert overrides["serverMessages"] == ["status-update", "end-of-call-report"]
    assert overrides["server"]["url"] == "https://rc.example.com/api/webhooks/vapi"
    assert overrides["server"]["headers"] == {"X-Vapi-Secret": stub.SECRET}
    assert overrides["server"]["backoffPlan"]["maxRetries"] > 0  # VAPI repeats nothing by itself


@pytest.mark.parametrize(
    ("config", "proof"),
    [
        ({"webhookAuth": "bearer"}, {"headers": {"Authorization": f"Bearer {stub.SECRET}"}}),
        ({"webhookAuth": "hmac", "webhookCredentialId": "c1"}, {"credentialId": "c1"}),
        ({"webhookCredentialId": "c1"}, {"credentialId": "c1"}),
        ({"webhookAuth": "hmac"}, None),
        ({"webhookSecret": ""}, None),
    ],
)
def test_how_reports_prove_themselves_is_said_with_the_call(
    outside: stub.Vapi, config: dict[str, str], proof: dict[str, Any] | None
) -> None:
    Vapi(stub.CONFIG | config).send(message())
    server = outside.placed[0]["assistantOverrides"].get("server")
    shown = server and {name: server[name] for name in ("headers", "credentialId") if name in server}
    assert shown == proof


def test_script_goes_over_campaign_goes_over_integration(vapi: Vapi, outside: stub.Vapi) -> None:
    of_campaign = {"assistantId": "a-campaign", "voice": {"id": "x", "speed": 1}, "variableValues": {"shop": "Us"}}
    of_script = {"phoneNumberId": "p-script", "voice": {"id": "y"}, "assistantOverrides": {"maxDurationSeconds": 60}}
    vapi.send(message(options=layered(of_campaign, of_script)))
    (placed,) = outside.placed
    assert (placed["assistantId"], placed["phoneNumberId"]) == ("a-campaign", "p-script")
    overrides = placed["assistantOverrides"]
    assert overrides["voice"] == {"id": "y", "speed": 1}
    assert overrides["maxDurationSeconds"] == 60
    assert overrides["variableValues"] == {"shop": "Us", "rc_script": "Say hello to Ada"}


def test_whoever_names_a_squad_takes_the_assistants_place(vapi: Vapi, outside: stub.Vapi) -> None:
    vapi.send(message(options={"squadId": "s1"}))
    assert "assistantId" not in outside.placed[0]
    assert outside.placed[0]["squadId"] == "s1"


def test_no_option_can_change_whom_we_call_or_what_we_planted(vapi: Vapi, outside: stub.Vapi) -> None:
    theirs = {
        "customer": {"number": "+10000000000"}, "customers": [{}], "name": "x", "schedulePlan": {}, "customerId": "c",
        "metadata": {"key": "x", "more": 1}, "variableValues": {"rc_script": "x"}, "serverMessages": ["hang"],
    }  # fmt: skip
    vapi.send(message(options=theirs))
    (placed,) = outside.placed
    assert placed["customer"]["number"] == "+14155552671"
    assert not {"customers", "customerId", "schedulePlan"} & set(placed)
    assert placed["assistantOverrides"]["metadata"] == {"attemptId": "A1", "key": "work:1", "more": 1}
    assert placed["assistantOverrides"]["variableValues"] == {"rc_script": "Say hello to Ada"}
    assert placed["assistantOverrides"]["serverMessages"] == ["hang", "status-update", "end-of-call-report"]


def test_long_ids_are_cut_to_what_vapi_takes(vapi: Vapi, outside: stub.Vapi) -> None:
    vapi.send(message(attempt_id="a" * 40, lead_id="l" * 60))
    assert len(outside.placed[0]["customer"]["externalId"]) == 40


def test_without_a_free_line_the_next_ones_wait(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.is_full = True
    assert (vapi.send(message()).pause or 0) >= 10


# What goes wrong -----------------------------------------------------------------------------------------------------

NO_NUMBER = "customer.number must be a valid phone number in the E.164 format"
CASES: list[tuple[int, Any, dict[str, Any]]] = [
    (400, [NO_NUMBER], {"permanent": True, "reason": "invalid_address"}),
    (400, NO_NUMBER, {"permanent": True, "reason": "invalid_address"}),
    (400, ["property x should not exist"], {"permanent": True, "reason": "misconfigured"}),
    (400, "Couldn't get assistant", {"permanent": True, "reason": "misconfigured"}),
    (422, None, {"permanent": True, "reason": "misconfigured"}),
    (401, "Invalid Key", {"account_wide": True}),
    (402, "Insufficient credits", {"account_wide": True}),
    (403, "Forbidden", {"account_wide": True}),
    (404, "Not Found", {"account_wide": True}),
    (302, "elsewhere", {"account_wide": True}),
    (429, "Too Many Requests", {"retry_after": 30.0}),
    (429, "Over Concurrency Limit", {"retry_after": 30.0}),
    (400, "Over Concurrency Limit", {"retry_after": 30.0}),
    (403, ["Concurrency limit reached"], {"retry_after": 30.0}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "said", "effect"), CASES)
def test_every_documented_error_says_what_to_do(
    vapi: Vapi, outside: stub.Vapi, status: int, said: Any, effect: dict[str, Any]
) -> None:
    outside.fail = (status, said)
    refusal = refused(vapi)
    usual: dict[str, Any] = {"permanent": False, "account_wide": False, "retry_after": None, "reason": "refused"}
    assert {name: getattr(refusal, name) for name in usual} == usual | effect
    assert refusal.reason in list(Reason)


def test_the_providers_own_words_are_told_without_numbers(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.fail = (400, ["The number +1 (415) 555-2671 is wrong", "And more"])
    assert str(refused(vapi)) == "400: The number … is wrong; And more"


def test_an_assistant_that_a_script_names_is_its_own_mistake(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.fail = (404, "Not Found")
    refusal = refused(vapi, options={"assistantId": "gone"})
    assert (refusal.account_wide, refusal.permanent, refusal.reason) == (False, True, "misconfigured")


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_where_vapi_itself_failed_the_outcome_is_unknown(vapi: Vapi, outside: stub.Vapi, status: int) -> None:
    outside.fail = (status, "Internal Server Error")
    with pytest.raises(OutcomeUnknown):
        vapi.send(message())


def test_a_wait_that_vapi_names_is_kept(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.fail, outside.headers = (429, "Too Many Requests"), {"Retry-After": "7"}
    assert refused(vapi).retry_after == 7.0


def test_a_wrong_key_hits_everybody(outside: stub.Vapi) -> None:
    assert refused(Vapi(stub.CONFIG | {"apiKey": "wröng – 漢"})).account_wide


def test_without_a_connection_nothing_was_sent(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.VAPI_API_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refused(Vapi(stub.CONFIG)).reason == "not_handed_over"


# Looking up ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mood", ["drops", "silent", "babbles"])
def test_silence_after_the_request_is_unknown_and_the_call_is_found_later(
    vapi: Vapi, outside: stub.Vapi, settings: Any, mood: str
) -> None:
    settings.CALL_SECONDS, outside.mood = 1, mood
    called_at = clock.now()
    with pytest.raises(OutcomeUnknown):
        vapi.send(message())
    outside.mood = ""
    found = vapi.find(message(called_at=called_at))
    assert found is not None
    assert found.reference in outside.calls


def test_a_call_that_never_arrived_is_certainly_absent(vapi: Vapi, outside: stub.Vapi) -> None:
    vapi.send(message(attempt_id="A2", key="work:2"))
    vapi.send(message(key="work:2"))  # the same name, but another try
    assert vapi.find(message(called_at=clock.now())) is None


def test_a_call_is_found_among_many_by_its_name_too(vapi: Vapi, outside: stub.Vapi) -> None:
    reference = vapi.send(message()).reference
    del outside.calls[reference]["assistantOverrides"]
    for number in range(LISTED + 5):
        outside.create(outside.placed[0] | {"name": f"B{number}", "assistantOverrides": {}}, [])
    found = vapi.find(message(called_at=clock.now()))
    assert found is not None
    assert found.reference == reference


def test_what_was_placed_long_before_is_not_looked_at(vapi: Vapi, outside: stub.Vapi) -> None:
    vapi.send(message())
    assert vapi.find(message(called_at=clock.now() + timedelta(hours=1))) is None


def test_a_look_up_that_fails_tells_nothing(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.fails_look_ups = True
    with pytest.raises(OutcomeUnknown):
        vapi.find(message(called_at=clock.now()))


def test_a_call_that_has_ended_by_then_says_how(vapi: Vapi, outside: stub.Vapi) -> None:
    outside.end(vapi.send(message()).reference, "customer-busy")
    found = vapi.find(message(called_at=clock.now()))
    assert found is not None
    assert (found.cost, found.currency) == (Decimal("0.1834"), "USD")
    (report,) = found.reports
    assert (report.kind, report.facts["status"], report.facts["result"]["outcome"]) == ("delivery", "FAILED", "busy")


def test_what_became_of_a_call_can_be_asked(vapi: Vapi, outside: stub.Vapi) -> None:
    reference = vapi.send(message()).reference
    report = vapi.look(reference)
    assert report is not None
    assert report.facts == {"status": "SENT", "result": {"call_status": "queued"}}
    outside.end(reference, artifact={"transcript": "Hi.", "recordingUrl": "https://s.example/r"})
    report = vapi.look(reference)
    assert report is not None
    assert (report.facts["status"], report.facts["duration"], report.facts["cost"]) == ("SUCCESS", 123, "0.1834")
    assert report.facts["result"]["transcript"] == "Hi."
    assert vapi.look("019c0000-0000-7000-8000-00000000dead") is None


def test_the_connection_is_tested_by_a_real_call(vapi: Vapi) -> None:
    assert vapi.check() == "VAPI takes the key."
    with pytest.raises(NotSent, match="401: Invalid Key"):
        Vapi(stub.CONFIG | {"apiKey": "wrong"}).check()
    with pytest.raises(NotSent, match="assistantId must be filled in"):
        Vapi(stub.CONFIG | {"assistantId": ""}).check()


# How calls end -------------------------------------------------------------------------------------------------------


def test_every_reason_has_one_meaning() -> None:
    reasons = [reason for each in OUTCOMES.values() for reason in each["reasons"]]
    assert len(reasons) == len(set(reasons)) == 597
    assert {each["attempt"] for each in OUTCOMES.values()} <= set(ContactAttempt.Status.values)
    assert all(meaning_of(name) == each["meaning"] for name, each in OUTCOMES.items())


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_reason_does_what_its_class_says(name: str) -> None:
    for reason in OUTCOMES[name]["reasons"]:
        facts = ended({"endedReason": reason, "durationSeconds": 5}, {})
        assert (facts["status"], facts["result"]["outcome"]) == (OUTCOMES[name]["attempt"], name)
        assert facts.get("reason", "refused") in list(Reason)
        assert ("hitsEverybody" in facts) == (name == "account")


@pytest.mark.parametrize(
    ("reason", "seconds", "outcome"),
    [
        ("pipeline-error-openai-voice-failed", 29, "transient"),
        ("pipeline-error-openai-voice-failed", 30, "dropped"),
        ("assistant-request-failed", 31, "dropped"),
        ("customer-busy", 31, "busy"),
        ("something-new", 4, "answered"),
        ("something-new", 0, "transient"),
        ("something-new", None, "transient"),
        ("a-new-error", 4, "transient"),
        ("a-new-error", 40, "dropped"),
    ],
)
def test_a_line_that_fails_late_was_picked_up_and_a_new_word_is_judged(
    reason: str, seconds: int | None, outcome: str
) -> None:
    assert outcome_of(reason, seconds) == outcome


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"durationSeconds": 61.5}, 62),
        ({"durationSeconds": 0}, 0),
        ({"durationSeconds": "61"}, 0),
        ({"startedAt": "2026-02-21T09:00:00Z", "endedAt": "2026-02-21T09:00:10.500Z"}, 11),
        ({"startedAt": "2026-02-21T09:00:00Z"}, None),
        ({"endedAt": "2026-02-21T09:00:10Z"}, 0),
        ({"startedAt": "2026-02-21T09:00:10Z", "endedAt": "2026-02-21T09:00:00Z"}, None),
        ({"startedAt": "2026-02-31T09:00:10Z", "endedAt": "yesterday"}, 0),
        ({"durationSeconds": 10**12}, 0),
        ({"durationSeconds": True}, 0),
    ],
)
def test_how_long_it_lasted_in_whole_seconds(told: dict[str, Any], seconds: int | None) -> None:
    assert ended({"endedReason": "x"} | told, {}).get("duration") == seconds


@pytest.mark.parametrize(
    ("told", "call", "cost"),
    [
        ({"cost": 0.1834}, {"cost": 9}, "0.1834"),
        ({}, {"cost": 0.05}, "0.0500"),
        ({"costBreakdown": {"total": 1.25}}, {}, "1.2500"),
        ({"cost": 0.00001}, {}, "0.0000"),
        ({"cost": 3}, {}, "3.0000"),
        ({}, {}, None),
    ],
)
def test_what_it_cost(told: dict[str, Any], call: dict[str, Any], cost: str | None) -> None:
    assert ended({"endedReason": "x"} | told, call).get("cost") == cost


@pytest.mark.parametrize("cost", [-1, "free", float("nan"), float("inf"), True, 10**30, "1e9", [], ""])
def test_what_is_no_amount_costs_nothing_and_is_said(cost: Any) -> None:
    facts = ended({"endedReason": "x", "cost": cost}, {})
    assert facts["cost"] == "0.0000"
    assert facts["warnings"]


@pytest.mark.parametrize(
    ("artifact", "message", "url"),
    [
        ({"recordingUrl": "https://a.example/1", "stereoRecordingUrl": "https://a.example/2"}, {}, "https://a.example/1"),
        ({"recording": {"mono": {"combinedUrl": "https://a.example/3"}, "stereoUrl": "https://x"}}, {}, "https://a.example/3"),
        ({"recording": {"stereoUrl": "https://a.example/4"}}, {}, "https://a.example/4"),
        ({"stereoRecordingUrl": "https://a.example/2"}, {"recordingUrl": "http://a.example/5"}, "http://a.example/5"),
        ({"recordingUrl": "javascript:alert(1)", "stereoRecordingUrl": "https://a.example/2"}, {}, "https://a.example/2"),
        ({"recordingUrl": 5, "recording": "x"}, {}, None),
    ],
)  # fmt: skip
def test_where_it_can_be_heard(artifact: dict[str, Any], message: dict[str, Any], url: str | None) -> None:
    facts = ended({"endedReason": "x", "artifact": artifact} | message, {})
    assert facts["result"].get("recordingUrl") == url
