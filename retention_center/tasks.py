"""The ground's scheduled work."""

from datetime import timedelta

from django.contrib.sessions.models import Session

from retention_center import health
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
