"""Keys of other systems: made, used, expired, revoked; by API, command and admin. And the keys of credentials."""

import json
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from integrations.models import IntegrationConfig
from retention_center import audit
from retention_center.auth import keys
from retention_center.lib import clock
from retention_center.models import ApiKey, AuditEvent, Secret
from tests.wire import Wire

pytestmark = pytest.mark.django_db
SOMEBODY = audit.Actor("a test", "command")


def test_a_key_is_random_shown_once_and_stored_as_its_hash():
    key, text = keys.create("CRM", "viewer", actor=SOMEBODY)
    assert text.startswith("rc_")
    assert len(text) >= 46
    assert text != keys.create("CRM", "viewer", actor=SOMEBODY)[1]
    stored = json.dumps(
        [*ApiKey.objects.values_list("prefix", "digest", "name"), *AuditEvent.objects.values_list("after")]
    )
    assert text not in stored
    assert text.startswith(key.prefix)


def test_an_admin_makes_lists_and_revokes_keys(api):
    admin = api("admin")
    made = admin.post("/api/api-keys", {"name": "CRM", "role": "operator"})
    assert made.status_code == 201
    key = made.json()["key"]
    assert Wire(key).get("/api/jobs/none").status_code == 404
    listed = admin.get("/api/api-keys", {"sortBy": "name"}).json()["data"]
    assert made.json()["id"] in {row["id"] for row in listed}
    assert key not in json.dumps(listed)
    assert admin.delete(f"/api/api-keys/{made.json()['id']}").status_code == 204
    assert Wire(key).get("/api/jobs/none").status_code == 401
    assert admin.delete(f"/api/api-keys/{made.json()['id']}").status_code == 204
    assert list(AuditEvent.objects.order_by("at").values_list("action", flat=True)) == ["create", "revoke"]
    assert AuditEvent.objects.get(action="revoke").before == {"revoked_at": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "CRM"},
        {"name": "", "role": "viewer"},
        {"name": "CRM", "role": "root"},
        {"name": "x" * 101, "role": "viewer"},
        {"name": "CRM", "role": "viewer", "expiresAt": "2020-01-01T00:00:00Z"},
        {"name": "CRM", "role": "viewer", "expiresAt": "soon"},
        {"name": ["CRM"], "role": {"a": 1}},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(api, body):
    answer = api("admin").post("/api/api-keys", body)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_an_expired_key_is_refused_and_two_keys_may_overlap():
    old, old_text = keys.create("CRM", "viewer", actor=SOMEBODY, expires_at=clock.now() + timedelta(hours=1))
    _new, new_text = keys.create("CRM", "viewer", actor=SOMEBODY)
    assert keys.holder_of(old_text)
    assert keys.holder_of(new_text)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert keys.holder_of(old_text) is None
    assert keys.holder_of(new_text)


def test_the_command_prints_the_key_once(capsys):
    call_command("create_api_key", "CRM", "--role", "operator")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["name"], told["role"]) == ("CRM", "operator")
    assert keys.holder_of(told["key"]).may("operator")
    assert AuditEvent.objects.get().via == "command"


@pytest.mark.parametrize(
    "arguments", [["", "--role", "viewer"], ["CRM", "--role", "viewer", "--expires", "2020-01-01"]]
)
def test_the_command_refuses_what_makes_no_sense(arguments):
    with pytest.raises(CommandError):
        call_command("create_api_key", *arguments)


def test_credentials_move_to_the_newest_key(settings, capsys):
    old = settings.CREDENTIALS_KEYS[0]
    config = IntegrationConfig.objects.create(provider="twilio", config={"authToken": "hush"})
    Secret.objects.create(name="test", value={"salt": "pepper"})
    new = Fernet.generate_key().decode()
    settings.CREDENTIALS_KEYS = [new, old]
    call_command("rotate_keys")
    assert json.loads(capsys.readouterr().out)["rotated"] >= 2
    settings.CREDENTIALS_KEYS = [new]
    assert IntegrationConfig.objects.get(pk=config.pk).config == {"authToken": "hush"}
    assert Secret.objects.get(name="test").value == {"salt": "pepper"}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT config FROM {IntegrationConfig._meta.db_table}")
        assert "hush" not in str(cursor.fetchall())


def test_a_value_no_key_opens_stops_the_rotation_with_a_sentence(settings):
    IntegrationConfig.objects.create(provider="twilio", config={"authToken": "hush"})
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="put its key back"):
        call_command("rotate_keys")
