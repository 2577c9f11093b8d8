"""Setting providers up by the API: who may, what is checked, and that no secret ever comes out."""

import json
from typing import Any

import pytest
from django.db import connection

from integrations.models import IntegrationConfig
from integrations.providers.registry import ActiveProviders
from retention_center.models import AuditEvent
from tests.builders import make_integration
from tests.integrations.smtp_server import smtp_server

pytestmark = pytest.mark.django_db
TWILIO = {"accountSid": "AC1234567890", "authToken": "token-of-thirty-two-characters-9d41", "from": "+37120000042"}


def put(api: Any, provider: str, body: dict[str, Any], role: str = "admin") -> Any:
    return api(role).put(f"/api/integrations/{provider}", body)


def test_all_providers_are_listed_set_up_or_not(api: Any) -> None:
    make_integration("sandbox", delivered=0.9)
    answer = api("viewer").get("/api/integrations").json()
    assert [each["provider"] for each in answer["data"]] == [
        "smtp", "instantly", "twilio", "vapi", "keitaro", "webhook", "sandbox",
    ]  # fmt: skip
    assert answer["total"] == 7
    assert answer["data"][-1] | {"updatedAt": None} == {
        "provider": "sandbox", "type": "sandbox", "isActive": True, "canSend": True, "config": {"delivered": 0.9},
        "updatedAt": None,
    }  # fmt: skip


@pytest.mark.parametrize("role", ["viewer", "operator", ""])
def test_only_admins_change_and_test(api: Any, role: str) -> None:
    refused = 403 if role else 401
    assert put(api, "sandbox", {"isActive": True}, role).status_code == refused
    assert api(role).post("/api/integrations/sandbox/test").status_code == refused
    assert not IntegrationConfig.objects.exists()


def test_secrets_go_in_and_never_come_out(api: Any) -> None:
    answer = put(api, "twilio", {"isActive": True, "config": TWILIO})
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert shown["config"] == TWILIO | {"authToken": "••••9d41"}
    assert (shown["type"], shown["canSend"]) == ("sms", True)
    everything = api("admin").get("/api/integrations").content + api("admin").get("/api/integrations/twilio").content
    everything += json.dumps(list(AuditEvent.objects.values("before", "after"))).encode()
    assert TWILIO["authToken"].encode() not in everything
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM integrations_integrationconfig")
        assert TWILIO["authToken"] not in cursor.fetchone()[0]
    assert IntegrationConfig.objects.get().config == TWILIO


def test_an_untouched_mask_keeps_the_secret(api: Any) -> None:
    put(api, "twilio", {"isActive": True, "config": TWILIO})
    answer = put(api, "twilio", {"config": TWILIO | {"authToken": "••••9d41", "from": "+37120000043"}})
    assert answer.status_code == 200
    row = IntegrationConfig.objects.get()
    assert row.config == TWILIO | {"from": "+37120000043"}
    assert row.is_active


def test_a_config_replaces_the_one_before(api: Any) -> None:
    put(api, "keitaro", {"isActive": True, "config": {"webhookSecret": "b" * 40, "previousWebhookSecret": "a" * 40}})
    put(api, "keitaro", {"config": {"webhookSecret": "••••bbbb", "previousWebhookSecret": ""}})
    assert IntegrationConfig.objects.get().config == {"webhookSecret": "b" * 40}


def test_switching_off_leaves_the_config(api: Any) -> None:
    put(api, "twilio", {"isActive": True, "config": TWILIO})
    assert put(api, "twilio", {"isActive": False}).json()["isActive"] is False
    assert IntegrationConfig.objects.get().config == TWILIO


def test_short_secrets_show_nothing(api: Any) -> None:
    assert put(api, "webhook", {"config": {"signingSecret": "12345678"}}).json()["config"]["signingSecret"] == "••••"


def test_every_change_is_audited_without_secrets(api: Any) -> None:
    put(api, "twilio", {"isActive": True, "config": TWILIO})
    event = AuditEvent.objects.get()
    assert (event.action, event.object_label) == ("change", "twilio")
    assert event.after["replacedSecrets"] == ["authToken"]


@pytest.mark.parametrize(
    ("provider", "body", "field"),
    [
        ("twilio", {"isActive": True}, "config.accountSid"),
        ("twilio", {"isActive": True, "config": TWILIO | {"from": ""}}, "config.from"),
        ("twilio", {"config": {"password": "x"}}, "config.password"),
        ("twilio", {"config": {"authToken": 5}}, "config.authToken"),
        ("twilio", {"config": {"authToken": "a\nb"}}, "config.authToken"),
        ("twilio", {"config": {"authToken": "x" * 3000}}, "config.authToken"),
        ("twilio", {"config": {"authToken": "••••1234"}}, "config.authToken"),
        ("sandbox", {"config": {"delivered": 1.5}}, "config.delivered"),
        ("sandbox", {"config": {"delivered": -0.1}}, "config.delivered"),
        ("sandbox", {"config": {"delivered": "many"}}, "config.delivered"),
        ("sandbox", {"config": {"delivered": True}}, "config.delivered"),
        ("sandbox", {"config": {"ratePerSecond": 0}}, "config.ratePerSecond"),
        ("smtp", {"config": {"port": 70000}}, "config.port"),
        ("smtp", {"config": {"port": 2.5}}, "config.port"),
        ("smtp", {"config": {"security": "maybe"}}, "config.security"),
        ("smtp", {"isActive": True}, "config.host"),
        ("keitaro", {"config": {"trackerUrl": "javascript:alert(1)"}}, "config.trackerUrl"),
        ("keitaro", {"isActive": True, "config": {}}, "config.webhookSecret"),
        ("vapi", {"config": {"webhookAuth": "none"}}, "config.webhookAuth"),
        ("instantly", {"config": {"emailAccounts": [1]}}, "config.emailAccounts"),
        ("instantly", {"config": {"emailAccounts": {}}}, "config.emailAccounts"),
        ("sandbox", {"config": []}, "config"),
        ("sandbox", {"isActive": "perhaps"}, "isActive"),
    ],
)
def test_what_cannot_be_is_refused_in_words(api: Any, provider: str, body: dict[str, Any], field: str) -> None:
    answer = put(api, provider, body)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not IntegrationConfig.objects.filter(is_active=True).exists()


def test_an_unknown_provider_is_not_there(api: Any) -> None:
    assert api("viewer").get("/api/integrations/carrier-pigeon").status_code == 404
    assert put(api, "carrier-pigeon", {}).status_code == 404


# Who may send ----------------------------------------------------------------------------------------------------


def test_nothing_is_active_by_itself() -> None:
    assert ActiveProviders.load().choose("EMAIL") is None


def test_email_url_alone_makes_smtp_active(settings: Any, api: Any) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    assert ActiveProviders.load().choose("EMAIL") == "smtp"
    assert api("viewer").get("/api/integrations/smtp").json()["isActive"] is True
    assert put(api, "smtp", {"isActive": False}).status_code == 400


def test_the_sandbox_comes_last_and_serves_every_channel(django_assert_num_queries: Any) -> None:
    make_integration("sandbox")
    make_integration("smtp", host="mail.example.com")
    with django_assert_num_queries(1):
        providers = ActiveProviders.load()
    assert providers.choose("EMAIL") == "smtp"
    assert [providers.choose(channel) for channel in ("SMS", "CALL", "WEBHOOK")] == ["sandbox"] * 3


def test_a_script_may_name_its_provider() -> None:
    make_integration("sandbox")
    make_integration("smtp", host="mail.example.com")
    providers = ActiveProviders.load()
    assert providers.choose("EMAIL", "sandbox") == "sandbox"
    assert providers.choose("SMS", "smtp") is None
    assert providers.choose("EMAIL", "instantly") is None


def test_a_provider_we_cannot_send_by_yet_is_no_provider(settings: Any) -> None:
    make_integration("vapi", apiKey="key")
    settings.PROVIDERS = {}
    assert ActiveProviders.load().choose("CALL") is None


def test_smtp_without_a_server_is_not_active() -> None:
    make_integration("smtp")
    assert ActiveProviders.load().choose("EMAIL") is None


def test_each_provider_has_its_rate_and_width() -> None:
    make_integration("sandbox")
    make_integration("smtp", host="mail.example.com", ratePerSecond=5)
    providers = ActiveProviders.load()
    assert providers.rates() == {"smtp": 5, "sandbox": None}
    assert (providers.parallel("smtp"), providers.parallel("sandbox")) == (4, 0)
    assert providers.is_sandbox("sandbox")
    assert not providers.is_sandbox("smtp")
    make_integration("smtp", host="mail.example.com")
    assert ActiveProviders.load().rates()["smtp"] == 50


# Testing ---------------------------------------------------------------------------------------------------------


def ask(api: Any, provider: str) -> dict[str, Any]:
    answer = api("admin").post(f"/api/integrations/{provider}/test")
    assert answer.status_code == 200
    return answer.json()


def test_smtp_is_really_asked(api: Any) -> None:
    assert ask(api, "smtp")["ok"] is False
    with smtp_server() as (_postmaster, port):
        put(api, "smtp", {"isActive": True, "config": {"host": "127.0.0.1", "port": port}})
        assert ask(api, "smtp") == {"ok": True, "detail": f"127.0.0.1:{port} answered."}
    tested = ask(api, "smtp")
    assert tested["ok"] is False
    assert "refused" in tested["detail"]


def test_the_sandbox_says_what_it_is(api: Any) -> None:
    assert "sandbox" in ask(api, "sandbox")["detail"]


def test_keitaro_says_what_to_paste(api: Any) -> None:
    assert ask(api, "keitaro")["ok"] is False
    make_integration("keitaro", webhookSecret="a-secret-of-thirty-two-characters")
    tested = ask(api, "keitaro")
    assert tested["ok"] is None
    assert "http://testserver/api/webhooks/keitaro?secret=••••ters&subid={subid}" in tested["detail"]


@pytest.mark.parametrize("provider", ["vapi", "instantly", "webhook"])
def test_what_has_no_adapter_says_that_it_cannot_send(api: Any, settings: Any, provider: str) -> None:
    settings.PROVIDERS = {}
    tested = ask(api, provider)
    assert tested["ok"] is None
    assert "not available yet" in tested["detail"]


def test_a_webhook_may_post_to_http_only_when_that_is_switched_on(api: Any) -> None:
    config = {"signingSecret": "a" * 32, "allowHttp": True, "allowedHosts": ["hooks.example.com", ".example.org"]}
    assert put(api, "webhook", {"isActive": True, "config": config}).status_code == 200
    assert IntegrationConfig.objects.get().config == config
    for wrong in ("yes", 2, [], {}):
        answer = put(api, "webhook", {"config": config | {"allowHttp": wrong or [1]}})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "config.allowHttp")
