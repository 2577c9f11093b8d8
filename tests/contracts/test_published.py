"""Our calls against servers that know nothing but the providers' published descriptions, with every error they name."""

from typing import Any

import pytest

from campaigns.instantly import pushing, scripts, setting_up, syncing, withdrawing
from campaigns.models import CampaignLead, ContactAttempt
from campaigns.models import Script as OurScript
from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider
from integrations.providers.instantly import Instantly
from integrations.providers.instantly_api import InstantlyApi
from integrations.providers.twilio import Twilio
from integrations.providers.vapi import Vapi
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from tests.builders import make_campaign, make_campaign_lead, make_integration, make_script
from tests.contracts.openapi import description
from tests.contracts.server import Published, serving
from tests.integrations import instantly_server, twilio_server, vapi_server

CAMPAIGN, LEAD = "019c0000-0000-7000-8000-0000000000c1", "019c0000-0000-7000-8000-0000000000a1"
ATTEMPT = "cm000000000000000000attempt"  # of the documents' examples
ADAPTERS: dict[str, tuple[type[Provider], Any, dict[str, Any], tuple[str, str]]] = {
    "twilio": (
        Twilio, twilio_server.CONFIG, {"to": "+14155552671"},
        ("POST", "/2010-04-01/Accounts/{AccountSid}/Messages.json"),
    ),
    "vapi": (Vapi, vapi_server.CONFIG, {"to": "+14155552671"}, ("POST", "/call")),
    "instantly": (
        Instantly, instantly_server.CONFIG, {"to": "ada@example.com", "options": {"instantlyCampaignId": CAMPAIGN}},
        ("POST", "/api/v2/leads/add"),
    ),
}  # fmt: skip
MEANT: dict[tuple[str, int, str], dict[str, Any] | None] = {  # None: nobody knows whether it went out
    ("twilio", 400, "invalid_to"): {"permanent": True, "reason": "invalid_address"},
    ("twilio", 400, "opted_out"): {"permanent": True, "reason": "suppressed"},
    ("twilio", 400, "no_body"): {"permanent": True},
    ("twilio", 400, "no_from"): {"permanent": True},
    ("twilio", 400, "region"): {"permanent": True, "reason": "misconfigured"},
    ("twilio", 400, "landline"): {"permanent": True, "reason": "invalid_address"},
    ("twilio", 401, "auth"): {"account_wide": True, "reason": "misconfigured"},
    ("twilio", 403, "forbidden"): {"account_wide": True, "reason": "misconfigured"},
    ("twilio", 404, "not_found"): {"permanent": True},
    ("twilio", 429, "too_many"): {"retry_after": 10.0},
    ("twilio", 500, "server"): None,
    ("twilio", 503, "unavailable"): None,
    ("vapi", 400, ""): {"permanent": True, "reason": "invalid_address"},
    ("vapi", 401, ""): {"account_wide": True},
    ("vapi", 402, ""): {"account_wide": True},
    ("vapi", 403, ""): {"account_wide": True},
    ("vapi", 404, ""): {"account_wide": True},
    ("vapi", 429, ""): {"retry_after": 30.0},
    ("vapi", 500, ""): None,
    ("instantly", 400, ""): {"permanent": True},
    ("instantly", 401, ""): {"account_wide": True},
    ("instantly", 402, ""): {"account_wide": True},
    ("instantly", 404, ""): {"permanent": True},
    ("instantly", 429, ""): {"retry_after": 10.0},
    ("instantly", 500, ""): None,
}


def documented() -> set[tuple[str, int, str]]:
    """Every error, with each of its examples, that the descriptions name for handing a message over."""
    found = set()
    for name, (_adapter, _config, _fields, (method, path)) in ADAPTERS.items():
        described = description(name)
        operation = described.find(method, path)
        assert operation is not None
        for status in described.statuses(operation):
            found |= {(name, status, example) for example in described.examples(operation, status) if status >= 300}
    return found


def message(fields: dict[str, Any]) -> Message:
    ours = {"key": "work:1", "attempt_id": ATTEMPT, "lead_id": "L1", "channel": "", "called_at": clock.now()}
    return Message(**ours | {"subject": "Hello", "text": "Hello", "html": "<p>Hello</p>"} | fields)


def test_every_documented_error_has_a_meaning() -> None:
    assert documented() == set(MEANT)


@pytest.mark.parametrize(("name", "status", "example"), sorted(MEANT))
def test_a_documented_error_means_what_the_sheet_says(name: str, status: int, example: str, settings: Any) -> None:
    adapter, config, fields, _path = ADAPTERS[name]
    with serving(Published(name)) as outside:
        setattr(settings, f"{name.upper()}_API_URL", outside.url)
        outside.forced = status, example
        with pytest.raises((NotSent, OutcomeUnknown)) as error:
            adapter(config).send(message(fields))
    meant, usual = MEANT[name, status, example], {"permanent": False, "account_wide": False, "retry_after": None}
    if meant is None:
        assert isinstance(error.value, OutcomeUnknown)
    else:
        assert isinstance(error.value, NotSent)
        expected = {"reason": "refused"} | usual | meant
        assert {key: getattr(error.value, key) for key in expected} == expected


@pytest.mark.parametrize("name", ADAPTERS)
def test_all_that_an_adapter_asks_is_described(name: str, settings: Any) -> None:
    adapter, config, fields, _path = ADAPTERS[name]
    with serving(Published(name)) as outside:
        setattr(settings, f"{name.upper()}_API_URL", outside.url)
        provider = adapter(config)
        receipt = provider.send(message(fields))
        report = provider.look(receipt.reference)
        assert report is not None
        assert report.kind == "delivery"
        if name != "twilio":  # the extract leaves its list and the account out
            assert provider.find(message(fields)) is not None
            assert provider.check()
        provider.close()


@pytest.fixture
def outside(settings: Any, db: None) -> Any:
    make_integration("instantly", **instantly_server.CONFIG)
    settings.EMAIL_URL = ""
    with serving(Published("instantly")) as server:
        settings.INSTANTLY_API_URL = server.url
        yield server


def test_the_campaign_service_asks_only_what_is_described(outside: Published) -> None:
    """sync, push leads, pull stats, pausing, taking a lead out, and a script's own campaign."""
    made = {"delayBetweenChannels": 90_000_000, "instantlySync": True}
    campaign = make_campaign(meta=made, start_date=clock.now(), end_date=clock.now())
    make_script("EMAIL", campaign=campaign)
    place = make_campaign_lead(campaign)
    synced = syncing.sync(campaign, SYSTEM)
    assert (synced.campaign_id, synced.was_created, synced.is_active) == (CAMPAIGN, True, True)
    assert syncing.sync(campaign, SYSTEM).was_created is False
    jobs.work_on(pushing.push(campaign, by=None, actor=SYSTEM).pk)
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.provider_ref) == ("SENT", LEAD)
    place.refresh_from_db()
    assert place.status == CampaignLead.Status.CONTACTED
    assert syncing.pull_figures(campaign, clock.now())["counts"]["opened"] == 31
    assert withdrawing.withdraw_for_lead([str(attempt.lead_id)], "opted_out", clock.now()) == 0
    api, script = InstantlyApi(setting_up.config()), make_script("EMAIL")
    assert scripts.campaign_for(script, api, setting_up.config()) == CAMPAIGN
    assert OurScript.objects.get(pk=script.pk).instantly_campaign_id == CAMPAIGN
    assert scripts.refresh() == 1
    for ask in (api.pause, api.delete_campaign):
        ask(CAMPAIGN)
    api.remove_lead(LEAD)
    api.block("ada@example.com")
    api.close()
    assert not outside.broken
