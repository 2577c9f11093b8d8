"""The doctor's part for what came in: every event is settled, or has a reason to wait."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from integrations.models import InboundEvent
from retention_center.doctor import ALARM, Check

WAITS_AT_MOST = timedelta(minutes=5)
Status = InboundEvent.Status


def _unexplained(_now: datetime) -> QuerySet[InboundEvent]:
    return InboundEvent.objects.filter(status__in=[Status.UNMATCHED, Status.REFUSED], reason="")


def _unprocessed(_now: datetime) -> QuerySet[InboundEvent]:
    return InboundEvent.objects.filter(status=Status.APPLIED, processed_at=None)


def _waiting(now: datetime) -> QuerySet[InboundEvent]:
    """Due for another try, and nobody tried."""
    due = Q(next_try_at=None) | Q(next_try_at__lt=now - WAITS_AT_MOST)
    return InboundEvent.objects.waiting().filter(due, received_at__lt=now - WAITS_AT_MOST)


CHECKS = [
    Check("INV-14", "An event that was not applied says why.", _unexplained),
    Check("INV-14a", "An applied event says when.", _unprocessed),
    Check("L3", "No event that could be applied waits longer than five minutes.", _waiting, ALARM),
]
