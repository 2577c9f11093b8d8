"""The ground's scheduled work."""

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session

from retention_center import health
from retention_center.auth import jwks
from retention_center.lib import clock
from retention_center.models import IdempotencyRecord

IDEMPOTENCY_KEPT = timedelta(hours=24)


def keep_house() -> dict[str, int]:
    """Nightly: forget what has served its time. Returns how many rows went, by kind."""
    now = clock.now()
    return {
        "heartbeats": health.forget_old_beats(now),
        "idempotency": IdempotencyRecord.objects.filter(created_at__lt=now - IDEMPOTENCY_KEPT).delete()[0],
        "sessions": Session.objects.filter(expire_date__lt=now).delete()[0],
    }


def fetch_keys() -> dict[str, int]:
    """Every few minutes: renew the Auth Center's keys for all processes, so that nobody who signs in waits for it."""
    url = settings.AUTH_CENTER_JWKS_URL
    told = jwks.fetch(url) if url else None
    return {"keys": len(told[0]) if told else 0}
