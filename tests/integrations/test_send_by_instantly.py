"""The Instantly provider against a server that speaks as Instantly's description says, and fails as it documents."""

import socket
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

import pytest

from campaigns.reasons import Reason
from integrations import instantly_zones
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.instantly import Instantly
from tests.integrations import instantly_server as stub

CAMPAIGN = "019c0000-0000-7000-8000-0000000000c1"


@pytest.fixture(scope="module")
def server() -> Iterator[stub.Instantly]:
    with stub.instantly_server() as running:
        yield running


@pytest.fixture
def outside(server: stub.Instantly, settings: Any) -> Iterator[stub.Instantly]:
    url = server.url
    server.__init__()  # type: ignore[misc]
    server.url = settings.INSTANTLY_API_URL = url
    server.campaigns[CAMPAIGN] = {"id": CAMPAIGN, "name": "RC", "status": 1}
    yield server
    assert not server.broken


@pytest.fixture
def instantly(outside: stub.Instantly) -> Iterator[Instantly]:
    provider = Instantly(stub.CONFIG)
    yield provider
    provider.close()


def message(**fields: Any) -> Message:
    defaults: dict[str, Any] = {"key": "work:1", "attempt_id": "A1", "lead_id": "L1", "channel": "EMAIL"}
    defaults |= {"to": "ada@example.com", "subject": "Hello Ada", "html": "<html><body>\n<p>Hi</p>\n</body></html>"}
    return Message(**defaults | {"options": {"instantlyCampaignId": CAMPAIGN}} | fields)


def refused(provider: Instantly, **fields: Any) -> NotSent:
    with pytest.raises(NotSent) as refusal:
        provider.send(message(**fields))
    return refusal.value


def test_the_lead_is_added_to_the_scripts_campaign_with_our_text(instantly: Instantly, outside: stub.Instantly) -> None:
    receipt = instantly.send(message())
    lead = outside.leads[receipt.reference]
    assert (lead["campaign"], lead["email"]) == (CAMPAIGN, "ada@example.com")
    assert lead["payload"] == {"rc_attempt_id": "A1", "rc_subject": "Hello Ada", "rc_body": "<p>Hi</p>"}


def test_braces_in_our_text_are_no_placeholders_there(instantly: Instantly, outside: stub.Instantly) -> None:
    receipt = instantly.send(message(subject="{{firstName}}", html="{{website}}"))
    payload = outside.leads[receipt.reference]["payload"]
    assert "{{" not in payload["rc_subject"] + payload["rc_body"]


def test_the_same_script_to_the_same_lead_twice_is_refused_for_good(instantly: Instantly) -> None:
    instantly.send(message())
    refusal = refused(instantly, attempt_id="A2", key="work:2")
    assert (refusal.reason, refusal.permanent) == ("same_script", True)
    assert refusal.reason in list(Reason)


def test_what_an_earlier_call_of_the_same_intent_added_is_its_success(
    instantly: Instantly, outside: stub.Instantly
) -> None:
    first = instantly.send(message())
    assert instantly.send(message()).reference == first.reference
    outside.forget_created = True
    assert instantly.send(message(to="eva@example.com")).reference in outside.leads


@pytest.mark.parametrize(
    ("address", "reason"), [("blocked@example.com", "suppressed"), ("nonsense", "invalid_address")]
)
def test_whom_it_does_not_add_is_refused_with_a_reason(
    instantly: Instantly, outside: stub.Instantly, address: str, reason: str
) -> None:
    outside.blocked = {"blocked@example.com"}
    refusal = refused(instantly, to=address)
    assert (refusal.reason, refusal.permanent) == (reason, True)
    assert [report.kind for report in refusal.reports] == (["opt_out"] if reason == "suppressed" else [])
    outside.broken.clear()  # it cannot be looked up by what is no address


def test_without_a_campaign_nothing_is_asked(instantly: Instantly, outside: stub.Instantly) -> None:
    refused(instantly, options={})
    assert not outside.asked


@pytest.mark.parametrize(
    ("status", "permanent", "wide"),
    [(400, True, False), (401, False, True), (402, False, True), (403, False, True), (404, True, False),
     (409, True, False), (413, True, False)],
)  # fmt: skip
@pytest.mark.parametrize("inside", [False, True])
def test_every_documented_error_says_what_to_do(
    instantly: Instantly, outside: stub.Instantly, status: int, permanent: bool, wide: bool, inside: bool
) -> None:
    outside.fail, outside.inner = (None, status) if inside else (status, 0)
    refusal = refused(instantly)
    assert (refusal.permanent, refusal.account_wide, refusal.retry_after) == (permanent, wide, None)
    assert str(status) in str(refusal)


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, 10.0)])
def test_too_many_requests_are_waited_for(
    instantly: Instantly, outside: stub.Instantly, header: dict[str, str], seconds: float
) -> None:
    outside.fail, outside.headers = 429, header
    assert refused(instantly).retry_after == seconds


@pytest.mark.parametrize("status", [500, 503])
def test_where_instantly_itself_failed_the_outcome_is_unknown(
    instantly: Instantly, outside: stub.Instantly, status: int
) -> None:
    outside.fail = status
    with pytest.raises(OutcomeUnknown):
        instantly.send(message())
    with pytest.raises(NotSent):  # a read changes nothing
        instantly.find(message())


@pytest.mark.parametrize("mood", ["drops", "silent", "babbles"])
def test_silence_after_the_request_is_unknown_and_the_lead_is_found_later(
    instantly: Instantly, outside: stub.Instantly, settings: Any, mood: str
) -> None:
    settings.CALL_SECONDS, outside.mood = 1, mood
    with pytest.raises(OutcomeUnknown):
        instantly.send(message())
    outside.mood = ""
    found = instantly.find(message(options={}))
    assert found is not None
    assert found.reference in outside.leads


def test_a_lead_of_another_attempt_is_not_ours(instantly: Instantly) -> None:
    instantly.send(message(attempt_id="A9"))
    assert instantly.find(message()) is None


def test_without_a_connection_nothing_was_sent(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.INSTANTLY_API_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert refused(Instantly(stub.CONFIG)).reason == "not_handed_over"


@pytest.mark.parametrize(
    ("told", "status", "flags"),
    [
        ({}, "SENT", set()),
        ({"email_open_count": 2}, "DELIVERED", {"opened"}),
        ({"email_open_count": 1, "email_click_count": 1}, "SUCCESS", {"opened", "clicked"}),
        ({"email_reply_count": 1}, "SUCCESS", {"replied"}),
        ({"status": -1}, "BOUNCED", {"bounced"}),
        ({"status": -2}, "SENT", {"unsubscribed"}),
    ],
)
def test_what_became_of_it_can_be_asked(
    instantly: Instantly, outside: stub.Instantly, told: dict[str, int], status: str, flags: set[str]
) -> None:
    reference = instantly.send(message()).reference
    outside.leads[reference] |= told
    report = instantly.look(reference)
    assert report is not None
    assert (report.facts["status"], set(report.facts["result"])) == (status, flags)
    assert [each.kind for each in report.more] == (["opt_out"] if "unsubscribed" in flags else [])
    assert instantly.look("019c0000-0000-7000-8000-00000000dead") is None


def test_the_connection_is_tested_by_a_real_call(instantly: Instantly) -> None:
    assert instantly.check() == "Instantly knows the key; 1 mailbox sends."
    with pytest.raises(NotSent, match="API key is wrong"):
        Instantly(stub.CONFIG | {"apiKey": "schlüssel"}).check()
    with pytest.raises(NotSent, match="no mailbox"):
        Instantly({"apiKey": stub.KEY}).check()


def test_every_zone_is_told_in_instantlys_names_or_not_at_all() -> None:
    accepted = set(instantly_zones.accepted())
    told = {instantly_zones.zone_for(name) for name in available_timezones()}
    assert told <= accepted | {""}
    assert instantly_zones.zone_for("America/New_York") == "America/Detroit"
    assert instantly_zones.zone_for("America/Los_Angeles") == ""
    assert "UTC" not in accepted
    assert instantly_zones.zone_for("UTC") in accepted


@pytest.mark.parametrize("status", [429, 500, 401])
def test_a_lead_that_it_does_not_name_and_cannot_look_up_may_be_there(
    instantly: Instantly, outside: stub.Instantly, status: int
) -> None:
    outside.forget_created, outside.fail, outside.fail_path = True, status, "leads/list"
    with pytest.raises(OutcomeUnknown, match=str(status)):
        instantly.send(message())
    outside.fail = None
    assert instantly.find(message()) is not None
