"""Replies that wait for a person.

A reply waits from the moment it is recorded (``result.replied`` of an attempt) until staff say it is dealt with
(``result.replyHandledAt``), the lead is deleted or opts out, or 30 days have passed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from campaigns.models import ContactAttempt
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor

KEPT = timedelta(days=30)
HANDLED = "replyHandledAt"


@dataclass(frozen=True)
class Reply:
    """What somebody answered, and when."""

    attempt: ContactAttempt
    at: datetime

    @property
    def text(self) -> str:
        return str(self.attempt.result.get("reply_text") or "")


def waiting(now: datetime) -> QuerySet[ContactAttempt]:
    """Attempts whose reply nobody has dealt with, newest contact first, with their leads."""
    # A reply makes its attempt SUCCESS: that, and the time, find the few rows by index; the rest is JSON
    recent = ContactAttempt.objects.filter(status=ContactAttempt.Status.SUCCESS, started_at__gte=now - KEPT)
    answered = recent.filter(result__replied=True).exclude(result__has_key=HANDLED)
    reachable = answered.filter(lead__deleted_at=None).exclude(lead__status=Lead.Status.DO_NOT_CONTACT)
    return reachable.select_related("lead").order_by("-started_at", "-pk")


def latest(now: datetime, limit: int) -> list[Reply]:
    """Those of the latest ``limit`` contacts, newest reply first. One query."""
    found = [Reply(attempt, _replied_at(attempt)) for attempt in waiting(now)[:limit]]
    return sorted(found, key=lambda reply: reply.at, reverse=True)


def mark_handled(attempt: ContactAttempt, *, now: datetime, actor: Actor) -> bool:
    """Take the reply off the queue; False when somebody had done so already, or there is none."""
    with transaction.atomic():
        list(Lead.objects.filter(pk=attempt.lead_id).locked().values_list("pk"))
        row = ContactAttempt.objects.select_for_update().get(pk=attempt.pk)
        if not row.result.get("replied") or HANDLED in row.result:
            return False
        row.result |= {HANDLED: now.isoformat()}
        row.save(update_fields=["result"])
        audit.record(actor, "handle reply", row)
    return True


def _replied_at(attempt: ContactAttempt) -> datetime:
    text = attempt.result.get("repliedAt") or ""
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return attempt.completed_at or attempt.started_at
