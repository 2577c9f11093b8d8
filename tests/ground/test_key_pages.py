"""The page of API keys: made and shown once, used, rotated with overlap, revoked."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from retention_center import audit
from retention_center.auth import keys
from retention_center.lib import clock
from retention_center.models import ApiKey, AuditEvent
from tests.wire import Wire

pytestmark = pytest.mark.django_db
BEA = audit.Actor("Bea", "page")


def shown_key(answer) -> str:
    (text,) = re.findall(r"rc_[\w-]{43}", answer.content.decode())
    return text


def status(text: str) -> int:
    return Wire(text).get("/api/jobs/none").status_code


def test_a_new_key_is_shown_once_and_works(as_admin):
    answer = as_admin.post("/keys/new/", {"name": "CRM", "role": "viewer", "days": "90"})
    text = shown_key(answer)
    assert (answer.status_code, status(text)) == (201, 404)
    assert "no-store" in answer["Cache-Control"]
    key = ApiKey.objects.get()
    assert key.expires_at - clock.now() > timedelta(days=89)
    for address in ("/keys/?view=all", f"/keys/{key.pk}/", "/audit/?view=all"):
        page = as_admin.get(address).content.decode()
        assert text not in page
        assert "CRM" in page
    assert text not in str(as_admin.session.items())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "", "role": "viewer"},
        {"name": "CRM", "role": "root"},
        {"name": "CRM", "role": "viewer", "days": "9999999"},
        {"name": "x" * 101, "role": "viewer"},
        {"name": "a\x00b", "role": "viewer"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(as_admin, given):
    assert as_admin.post("/keys/new/", given).status_code in {400, 422}
    assert not ApiKey.objects.exists()


def test_the_list_says_which_keys_work(as_admin):
    now = clock.now()
    keys.create("Works", "viewer", actor=BEA)
    keys.create("Over", "viewer", actor=BEA, expires_at=now - timedelta(days=1))
    keys.revoke(keys.create("Gone", "viewer", actor=BEA)[0], actor=BEA)
    for query, found in [("works", {"Works"}), ("expired", {"Over"}), ("revoked", {"Gone"})]:
        page = as_admin.get(f"/keys/?standing={query}").content.decode()
        assert {name for name in ("Works", "Over", "Gone") if f">{name}</a>" in page} == found


def test_after_rotation_both_keys_work_until_the_old_one_ends(as_admin):
    old, old_text = keys.create("CRM", "operator", actor=BEA)
    answer = as_admin.post(f"/keys/{old.pk}/rotate/", {"hours": "24"})
    new_text = shown_key(answer)
    assert (answer.status_code, status(old_text), status(new_text)) == (201, 404, 404)
    old.refresh_from_db()
    assert timedelta(hours=23) < old.expires_at - clock.now() < timedelta(hours=25)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert (status(old_text), status(new_text)) == (401, 404)
    successor = ApiKey.objects.exclude(pk=old.pk).get()
    assert (successor.name, successor.role, successor.expires_at) == ("CRM", "operator", None)
    assert set(AuditEvent.objects.filter(object_id=old.pk).values_list("action", flat=True)) == {"create", "rotate"}


def test_rotation_at_once_revokes_the_old_key(as_admin):
    old, old_text = keys.create("CRM", "operator", actor=BEA)
    new_text = shown_key(as_admin.post(f"/keys/{old.pk}/rotate/", {"hours": "0"}))
    assert (status(old_text), status(new_text)) == (401, 404)


def test_rotation_never_lengthens_a_keys_life():
    ends = clock.now() + timedelta(hours=1)
    old, _ = keys.create("CRM", "operator", actor=BEA, expires_at=ends)
    made, _ = keys.rotate(old, overlap=timedelta(days=7), actor=BEA)
    old.refresh_from_db()
    assert (old.expires_at, made.expires_at) == (ends, ends)


def test_a_key_that_has_ended_has_no_successor(as_admin):
    old, _ = keys.create("CRM", "operator", actor=BEA)
    keys.revoke(old, actor=BEA)
    with pytest.raises(ValidationError):
        keys.rotate(old, overlap=timedelta(days=1), actor=BEA)
    assert as_admin.post(f"/keys/{old.pk}/rotate/", {"hours": "24"}).status_code == 409
    assert as_admin.post(f"/keys/{old.pk}/rotate/", {"hours": "7"}).status_code == 422


def test_a_revoked_key_is_refused_from_the_next_request_on(as_admin):
    key, text = keys.create("CRM", "operator", actor=BEA)
    assert status(text) == 404
    as_admin.post(f"/keys/{key.pk}/revoke/")
    assert status(text) == 401
    assert "revoke" in as_admin.get(f"/keys/{key.pk}/").content.decode()


def test_the_key_shows_when_it_was_used(as_admin):
    key, text = keys.create("CRM", "operator", actor=BEA)
    assert "never" in as_admin.get(f"/keys/{key.pk}/").content.decode()
    status(text)
    key.refresh_from_db()
    assert clock.now() - key.last_used_at < timedelta(minutes=1)
