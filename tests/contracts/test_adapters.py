"""Every provider we have, by the promises that all of them make."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, ClassVar

import pytest
from django.conf import settings as configured

from integrations.providers.instantly import Instantly
from integrations.providers.sandbox import Sandbox
from integrations.providers.smtp import Smtp
from integrations.providers.twilio import Twilio
from integrations.providers.vapi import Vapi
from integrations.providers.webhook import Webhook
from tests.contracts.adapter import (
    BABBLES,
    DROPS,
    NOBODY,
    NOT_NOW,
    REFUSES,
    SILENT,
    STUMBLES,
    WAIT,
    AdapterContract,
)  # fmt: skip
from tests.integrations import instantly_server, receiver, smtp_server, twilio_server, vapi_server

PHONE = {"to": "+1415555267{}", "text": "Hello {}"}
EMAIL = {"to": "ada{}@example.com", "subject": "Hello", "text": "Hello {}", "html": "<p>Hello {}</p>"}
CAMPAIGN = "019c0000-0000-7000-8000-0000000000c1"
MOODS: dict[str, Any] = {
    DROPS: lambda outside: setattr(outside, "mood", "drops"),
    SILENT: lambda outside: setattr(outside, "mood", "silent"),
    BABBLES: lambda outside: setattr(outside, "mood", "babbles"),
}


def fails(status: int, *code: Any) -> Any:
    return lambda outside: setattr(outside, "fail", (status, *code) if code else status)


class OverHttp(AdapterContract):
    """A provider whose address is a setting."""

    setting: ClassVar[str]

    def nowhere(self, outside: Any, settings: Any, url: str) -> dict[str, Any]:
        setattr(settings, self.setting, url)
        return {}

    def well(self, outside: Any) -> None:
        outside.fail, outside.mood = None, ""


class TestTwilio(OverHttp):
    adapter, config, fields, setting = Twilio, twilio_server.CONFIG, PHONE, "TWILIO_API_URL"
    ways = MOODS | {
        REFUSES: fails(400, 21211), NOT_NOW: fails(400, 30003), WAIT: fails(429, 20429), NOBODY: fails(401, 20003),
        STUMBLES: fails(503, 20503),
    }  # fmt: skip

    @pytest.fixture
    def outside(self, settings: Any) -> Iterator[twilio_server.Twilio]:
        with twilio_server.twilio_server() as server:
            settings.TWILIO_API_URL = server.url
            yield server

    def arrived(self, outside: twilio_server.Twilio) -> int:
        return len(outside.messages)


class TestVapi(OverHttp):
    adapter, config, fields, setting = Vapi, vapi_server.CONFIG, PHONE, "VAPI_API_URL"
    ways = MOODS | {
        REFUSES: fails(400, vapi_server.NO_NUMBER), WAIT: fails(429, "Over Concurrency Limit"),
        NOBODY: fails(402, "Insufficient credits"), STUMBLES: fails(500, "Internal Server Error"),
    }  # fmt: skip

    @pytest.fixture
    def outside(self, settings: Any) -> Iterator[vapi_server.Vapi]:
        with vapi_server.vapi_server() as server:
            settings.VAPI_API_URL = server.url
            yield server

    def arrived(self, outside: vapi_server.Vapi) -> int:
        return len(outside.calls)


class TestInstantly(OverHttp):
    adapter, config, setting = Instantly, instantly_server.CONFIG, "INSTANTLY_API_URL"
    fields = EMAIL | {"options": {"instantlyCampaignId": CAMPAIGN}}
    ways = MOODS | {REFUSES: fails(409), WAIT: fails(429), NOBODY: fails(403), STUMBLES: fails(500)}

    @pytest.fixture
    def outside(self, settings: Any) -> Iterator[instantly_server.Instantly]:
        with instantly_server.instantly_server() as server:
            server.campaigns[CAMPAIGN] = {"id": CAMPAIGN, "name": "RC", "status": 1}
            settings.INSTANTLY_API_URL = server.url
            yield server

    def arrived(self, outside: instantly_server.Instantly) -> int:
        return len(outside.leads)


class TestSmtp(AdapterContract):
    adapter, config, fields = Smtp, {"host": "127.0.0.1", "port": 0}, EMAIL
    ways: ClassVar[Any] = {
        way: lambda outside, answers=answers: outside.answers.update(answers)
        for way, answers in {
            REFUSES: {"rcpt": "550 5.1.1 No such person"}, NOT_NOW: {"rcpt": "450 4.2.1 Busy"},
            NOBODY: {"mail": "553 5.1.8 No such sender"}, DROPS: {"text": smtp_server.HANGS_UP},
            SILENT: {"text": smtp_server.DRIPS},
        }.items()
    }  # fmt: skip

    @pytest.fixture
    def outside(self) -> Iterator[smtp_server.Scripted]:
        with smtp_server.scripted() as server:
            yield server

    def at(self, outside: smtp_server.Scripted) -> dict[str, Any]:
        return {"port": outside.port}

    def nowhere(self, outside: Any, settings: Any, url: str) -> dict[str, Any]:
        return {"port": int(url.rpartition(":")[2])}

    def well(self, outside: smtp_server.Scripted) -> None:
        outside.answers = dict(smtp_server.USUAL)

    def arrived(self, outside: smtp_server.Scripted) -> int:
        return len(outside.texts)


class TestWebhook(AdapterContract):
    adapter, config = Webhook, {"signingSecret": "a secret that signs", "allowHttp": True}
    fields: ClassVar[Any] = {"to": "", "text": '{{"number": {}}}'}
    ways: ClassVar[Any] = {DROPS: MOODS[DROPS]} | {
        way: lambda outside, status=status: setattr(outside, "status", status)
        for way, status in {REFUSES: 410, NOT_NOW: 404, WAIT: 429, STUMBLES: 500}.items()
    }

    @pytest.fixture
    def outside(self, settings: Any) -> Iterator[receiver.Receiver]:
        settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
        with receiver.receiving() as server:
            type(self).fields = {**type(self).fields, "url": server.url}
            yield server

    def at(self, outside: receiver.Receiver) -> dict[str, Any]:
        return {"testUrl": outside.url}

    def nowhere(self, outside: Any, settings: Any, url: str) -> dict[str, Any]:
        return {"testUrl": f"{url}/hook", "message": {"url": f"{url}/hook"}}

    def well(self, outside: receiver.Receiver) -> None:
        outside.status = 204

    def arrived(self, outside: receiver.Receiver) -> int:
        return len(outside.seen)


class TestSandbox(AdapterContract):
    """It takes everything, within this process: nothing can be lost on the way."""

    adapter, config, fields = Sandbox, {}, EMAIL

    @pytest.fixture
    def outside(self) -> None:
        return None

    def arrived(self, outside: None) -> int:
        pytest.skip("Nothing leaves this system.")


def test_no_provider_is_left_out() -> None:
    proved = {each.adapter.name for each in (TestTwilio, TestVapi, TestInstantly, TestSmtp, TestWebhook, TestSandbox)}
    assert proved == set(configured.PROVIDERS)
