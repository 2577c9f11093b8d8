"""Keys of other systems: 256 random bits, shown once, kept only as their SHA-256."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from retention_center import audit
from retention_center.lib import clock
from retention_center.models import ApiKey, Role

PREFIX = "rc_"
SHOWN = 12
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyCaller:
    """Who calls with a key: what views ask of a user, answered from the key. It is no member of staff."""

    is_authenticated = True
    is_active = True
    is_staff = False

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = self.id = key.pk
        self.role = key.role

    def __str__(self) -> str:
        return f"key {self.key.name}"

    def may(self, needed: Role | str) -> bool:
        return Role(self.role).covers(needed)


def create(name: str, role: str, *, actor: audit.Actor, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """Make a key: its row, and its text, which nobody can show again."""
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            prefix=text[:SHOWN],
            digest=digest(text),
            role=Role(role),
            expires_at=expires_at,
            created_by=actor.user,
        )
        audit.record(actor, "create", key, after=audit.snapshot(key, "name", "prefix", "role", "expires_at"))
    return key, text


def require_future(expires_at: datetime | None) -> None:
    """Raise ValidationError for a time that has passed: such a key would never work."""
    if expires_at is not None and expires_at <= clock.now():
        raise ValidationError("This time has passed.", code="past")


def revoke(key: ApiKey, *, actor: audit.Actor) -> None:
    """Refuse the key from the next request on; its row stays for the audit. Revoking twice changes nothing."""
    with transaction.atomic():
        now = clock.now()
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now, updated_at=now):
            audit.record(actor, "revoke", key, before={"revoked_at": None}, after={"revoked_at": str(now)})


def rotate(key: ApiKey, *, overlap: timedelta, actor: audit.Actor) -> tuple[ApiKey, str]:
    """Make a successor with the same name, role and expiry; the old key works on for ``overlap``, then no more.

    Raises ValidationError for a key that works no more: there is nothing to overlap with.
    """
    now = clock.now()
    with transaction.atomic():
        old = ApiKey.objects.select_for_update().get(pk=key.pk)
        if not works(old, now):
            raise ValidationError("This key works no more; make a new one.", code="over")
        made, text = create(old.name, old.role, actor=actor, expires_at=old.expires_at)
        ends = min(now + overlap, old.expires_at or now + overlap)
        if ends <= now:
            revoke(old, actor=actor)
        else:
            before = audit.snapshot(old, "expires_at")
            old.expires_at = ends
            old.save(update_fields=["expires_at", "updated_at"])
            audit.record(actor, "rotate", old, before=before, after=audit.snapshot(old, "expires_at"))
    return made, text


def works(key: ApiKey, now: datetime) -> bool:
    """Whether the key is neither revoked nor expired."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def holder_of(text: str) -> KeyCaller | None:
    """Who calls with this key; None when it is unknown, expired or revoked."""
    now = clock.now()
    valid = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    key = ApiKey.objects.filter(valid, digest=digest(text)).first()
    if key is None:
        return None
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return KeyCaller(key)


def digest(text: str) -> str:
    """No salt or stretching: 256 random bits cannot be guessed from their hash."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
