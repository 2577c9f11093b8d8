"""The doctor's part for what came in: every event is settled, or has a reason to wait."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast

from integrations.models import InboundEvent, IntegrationConfig
from retention_center import audit
from retention_center.doctor import ACTOR, ALARM, Check
from retention_center.lib.encryption import TOKENS_BEGIN

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


def _in_the_clear(_now: datetime) -> QuerySet[IntegrationConfig]:
    written = IntegrationConfig.objects.alias(written=Cast("config", TextField()))
    return written.exclude(written__startswith=TOKENS_BEGIN).defer("config")


def _date_applied(now: datetime) -> int:
    """An applied event without its time takes that of its coming in."""
    events = list(_unprocessed(now)[:1000])
    audit.record_many(ACTOR, "repair", [(event, {}, {"repair": "when it was applied"}) for event in events])
    return InboundEvent.objects.filter(pk__in=[event.pk for event in events]).update(processed_at=F("received_at"))


CHECKS = [
    Check("INV-14", "An event that was not applied says why.", _unexplained, is_scan=True),
    Check("INV-14a", "An applied event says when.", _unprocessed, is_scan=True, repair=_date_applied),
    Check("INV-22", "Credentials are ciphertext in the database.", _in_the_clear),
    Check("L3", "No event that could be applied waits longer than five minutes.", _waiting, ALARM),
]
