"""The pages of integrations: who sends now, how each provider is set up, what to paste in Keitaro."""

import re
from typing import Any

import pytest

from integrations.models import IntegrationConfig
from tests.builders import make_inbound_event, make_integration

pytestmark = pytest.mark.django_db
SECRET = "a-secret-of-thirty-two-characters"


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_the_list_says_who_sends_and_that_the_sandbox_pretends(as_viewer: Any) -> None:
    make_integration("sandbox")
    make_integration("smtp", host="mail.example.com")
    text = text_of(as_viewer.get("/integrations/"))
    assert "SMS, Call and Webhook only pretend to be sent." in text
    assert "sends now" in text


def test_without_a_provider_nobody_sends(as_viewer: Any) -> None:
    text = text_of(as_viewer.get("/integrations/"))
    assert text.count("Nobody") == 4
    assert "pretend to be sent" not in text


def test_the_list_costs_the_same_however_much_came_in(as_viewer: Any, django_assert_max_num_queries: Any) -> None:
    make_integration("sandbox")
    with django_assert_max_num_queries(12):
        as_viewer.get("/integrations/")


@pytest.mark.parametrize("provider", ["smtp", "instantly", "twilio", "vapi", "keitaro", "webhook", "sandbox"])
def test_every_provider_has_its_page(as_admin: Any, settings: Any, provider: str) -> None:
    answer = as_admin.get(f"/integrations/{provider}/")
    assert answer.status_code == 200
    assert ("is not available yet" in text_of(answer)) == (provider not in {"keitaro", *settings.PROVIDERS})


def test_secrets_are_shown_by_their_end_only_and_to_everybody_the_same(as_admin: Any, as_viewer: Any) -> None:
    make_integration("keitaro", webhookSecret=SECRET)
    for client in (as_admin, as_viewer):
        text = text_of(client.get("/integrations/keitaro/"))
        assert "••••ters" in text
        assert SECRET not in text
        assert "/api/webhooks/keitaro?secret=••••ters&amp;subid={subid}&amp;tid={tid}" in text
    assert "Only admins change integrations" in text_of(as_viewer.get("/integrations/keitaro/"))


def test_an_admin_saves_and_an_untouched_mask_keeps_the_secret(as_admin: Any) -> None:
    make_integration("keitaro", webhookSecret=SECRET)
    typed = {"is_active": "on", "webhookSecret": "••••ters", "trackerUrl": "https://tracker.example.com/alias"}
    assert as_admin.post("/integrations/keitaro/", typed).status_code == 302
    row = IntegrationConfig.objects.get()
    assert row.config == {"webhookSecret": SECRET, "trackerUrl": "https://tracker.example.com/alias"}


def test_what_cannot_be_is_said_beside_its_field(as_admin: Any) -> None:
    answer = as_admin.post("/integrations/sandbox/", {"is_active": "on", "delivered": "2", "replied": "0.1"})
    assert answer.status_code == 422
    assert "Must be a number from 0 to 1." in text_of(answer)
    assert 'value="0.1"' in text_of(answer)
    assert not IntegrationConfig.objects.exists()


def test_a_new_secret_is_shown_once_and_the_old_one_stays_valid(as_admin: Any, client: Any) -> None:
    make_integration("keitaro", webhookSecret=SECRET)
    text = text_of(as_admin.post("/integrations/keitaro/secret/"))
    config = IntegrationConfig.objects.get().config
    assert config["previousWebhookSecret"] == SECRET
    assert f"?secret={config['webhookSecret']}&amp;subid=" in text
    assert config["webhookSecret"] not in text_of(as_admin.get("/integrations/keitaro/"))
    for secret in config.values():
        assert client.get("/api/webhooks/keitaro", {"secret": secret, "subid": "c"}).status_code == 200


def test_the_test_answers_in_words(as_admin: Any) -> None:
    answer = as_admin.post("/integrations/sandbox/test/", follow=True)
    assert "nothing leaves this system" in text_of(answer)


@pytest.mark.parametrize("path", ["sandbox/", "sandbox/test/", "keitaro/secret/"])
def test_only_admins_change(as_operator: Any, path: str) -> None:
    assert as_operator.post(f"/integrations/{path}").status_code == 403


def test_an_unknown_provider_is_not_there(as_admin: Any) -> None:
    assert as_admin.get("/integrations/pigeon/").status_code == 404


@pytest.mark.parametrize(
    ("provider", "config", "path"),
    [
        ("twilio", {"authToken": "t" * 32}, "/api/webhooks/twilio/inbound"),
        ("twilio", {"authToken": "t" * 32}, "/api/webhooks/twilio/status"),
        ("keitaro", {"webhookSecret": SECRET}, "/api/webhooks/keitaro"),
    ],
)
def test_the_addresses_to_paste_say_when_they_were_last_used(
    as_viewer: Any, provider: str, config: dict[str, str], path: str
) -> None:
    assert "Calls are refused until its secret is set." in text_of(as_viewer.get(f"/integrations/{provider}/"))
    make_integration(provider, **config)
    text = text_of(as_viewer.get(f"/integrations/{provider}/"))
    assert f">http://testserver{path}</code>" in text
    assert "Nothing was received yet." in text
    make_inbound_event(provider=provider, kind="delivery" if path.endswith("status") else "message")
    assert "Last received" in text_of(as_viewer.get(f"/integrations/{provider}/"))


def test_what_we_asked_for_ourselves_was_not_received(as_viewer: Any) -> None:
    make_integration("twilio", authToken="t" * 32)
    make_inbound_event(provider="twilio", event_key="SM1:asked:1", kind="delivery")
    assert "Last received" not in text_of(as_viewer.get("/integrations/twilio/"))
