"""The one way in: what the outside tells us is stored once, then acted on by the handlers that settings name.

A handler is ``(event: InboundEvent, now: datetime) -> str | None``. It runs inside the event's transaction, after
the event was marked as applied, and must bear being run again for the same facts. It returns None, or a
sentence: what could be kept was kept, but it belongs to nobody we know, so the event is left UNMATCHED for
staff. It raises NotYet, Unmatched or Refuse to undo everything the event did.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string

from integrations.models import InboundEvent
from retention_center.lib import clock
from retention_center.lib.seams import seam

log = structlog.get_logger(__name__)
Handler = Callable[[InboundEvent, datetime], str | None]
Status = InboundEvent.Status

PATIENCE = timedelta(hours=72)  # then staff must look
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
FAILED = "An error of ours; the log has the details."


class NotYet(Exception):
    """What the event speaks of may still come: keep it waiting and try again."""


class Unmatched(Exception):
    """The event speaks of nobody we know. Its text is the reason, for staff."""


class Refuse(Exception):
    """The event must not be acted on. Its text is the reason, for staff."""


class AlreadyApplied(Exception):
    """The event was acted on; there is nothing left to try or to link."""


def receive(
    provider: str,
    kind: str,
    event_key: str,
    *,
    facts: Mapping[str, Any],
    payload: Mapping[str, Any] | None = None,
    attempt_id: str = "",
    provider_ref: str = "",
    lead_id: str = "",
    occurred_at: datetime | None = None,
    now: datetime,
) -> tuple[InboundEvent, bool]:
    """Store an event once: the row, and whether it is new. Two copies at once give one row.

    ``event_key`` is the same for every copy of the event; ``payload`` must hold no secrets; ``now`` is the real
    clock. Applying is a second step, in its own transaction: see `apply`.
    """
    event = InboundEvent(
        provider=provider,
        kind=kind,
        event_key=event_key,
        facts=dict(facts),
        payload=dict(payload or {}),
        attempt_id=attempt_id,
        provider_ref=provider_ref,
        lead_id=lead_id,
        occurred_at=occurred_at or now,
        received_at=now,
    )
    receive_many([event])
    stored = InboundEvent.objects.get(provider=provider, event_key=event_key)
    return stored, stored.pk == event.pk


def receive_many(events: Iterable[InboundEvent]) -> int:
    """Store many events in one INSERT, leaving out those we have: how many were given."""
    return len(InboundEvent.objects.bulk_create(events, batch_size=500, ignore_conflicts=True))


def apply(event: InboundEvent, now: datetime) -> bool:
    """Act on a waiting event, wholly or not at all: whether it is settled now, in whatever way.

    Never raises for what stands in the event. ``now`` is the time handlers act at; waiting, back-off and
    patience stay on the real clock.
    """
    try:
        with transaction.atomic():
            if not _mark_applied(event):
                return False
            if reason := _run_handlers(event, now):
                _settle(event, Status.UNMATCHED, reason)
    except NotYet:
        return _put_off(event, "What it speaks of has not come yet.")
    except Unmatched as refusal:
        _settle_waiting(event, Status.UNMATCHED, str(refusal))
    except Refuse as refusal:
        _settle_waiting(event, Status.REFUSED, str(refusal))
    except Exception:  # whatever a handler stumbles over must not cost the event, nor the sender a 500
        log.exception("inbound_event_failed", inbound_event=event.pk, kind=event.kind, provider=event.provider)
        return _put_off(event, FAILED)
    return True


def apply_waiting(now: datetime, limit: int = 500) -> int:
    """Act on the events whose turn it is, oldest first: how many are settled now."""
    real_now = clock.now()
    due = (
        InboundEvent.objects.waiting()
        .filter(Q(next_try_at=None) | Q(next_try_at__lte=real_now))
        .order_by("received_at", "id")[:limit]
    )
    settled = 0
    for event in due:
        settled += apply(event, now)
        seam("applied")
    return settled


def replay(event: InboundEvent, now: datetime) -> None:
    """Try an event again at once because staff asked for it; AlreadyApplied when it was acted on before."""
    open_again = InboundEvent.objects.filter(pk=event.pk).exclude(status=Status.APPLIED)
    if not open_again.update(status=Status.WAITING, next_try_at=None, processed_at=None):
        raise AlreadyApplied("This event was applied already.")
    event.refresh_from_db()
    apply(event, now)


def link(event: InboundEvent, *, lead_id: str = "", attempt_id: str = "", now: datetime) -> None:
    """Staff say whom an event speaks of; it is then tried again. The ids must exist: the caller has checked."""
    changes = {"lead_id": lead_id or event.lead_id, "attempt_id": attempt_id or event.attempt_id}
    if not InboundEvent.objects.filter(pk=event.pk).exclude(status=Status.APPLIED).update(**changes):
        raise AlreadyApplied("This event was applied already.")
    replay(event, now)


def matched(provider: str, kind: str, provider_ref: str, *, lead_id: str) -> int:
    """Whose events these are was found out elsewhere: they no longer wait for staff. Returns how many did."""
    theirs = InboundEvent.objects.filter(
        provider=provider, kind=kind, provider_ref=provider_ref, status=Status.UNMATCHED
    )
    return theirs.update(status=Status.APPLIED, lead_id=lead_id, reason="", processed_at=clock.now())


def _run_handlers(event: InboundEvent, now: datetime) -> str:
    """The handlers' sentences about whom they could not find, as one."""
    handlers: list[Handler] = [import_string(path) for path in settings.INBOUND_HANDLERS.get(event.kind, ())]
    if not handlers:
        raise Refuse(f"Nothing here acts on events of the kind {event.kind}.")
    return " ".join(sentence for handler in handlers if (sentence := handler(event, now)))


def _mark_applied(event: InboundEvent) -> bool:
    """Win the event, or learn that somebody else settled it."""
    at = clock.now()
    won = InboundEvent.objects.waiting().filter(pk=event.pk)
    if not won.update(status=Status.APPLIED, processed_at=at, reason="", next_try_at=None):
        return False
    event.status, event.processed_at, event.reason, event.next_try_at = Status.APPLIED, at, "", None
    return True


def _settle(event: InboundEvent, status: str, reason: str) -> None:
    event.status, event.reason, event.processed_at = status, reason[:255], clock.now()
    event.next_try_at = None
    event.save(update_fields=["status", "reason", "processed_at", "next_try_at"])


def _settle_waiting(event: InboundEvent, status: str, reason: str) -> None:
    """The handlers' work was undone, so the row is waiting again; settle it unless somebody else did meanwhile."""
    changes = {"status": status, "reason": reason[:255], "processed_at": clock.now(), "next_try_at": None}
    InboundEvent.objects.waiting().filter(pk=event.pk).update(tries=F("tries") + 1, **changes)
    event.refresh_from_db()


def _put_off(event: InboundEvent, reason: str) -> bool:
    """Keep the event waiting, longer each time, until patience ends: whether it ended."""
    real_now = clock.now()
    if real_now - event.received_at >= PATIENCE:
        _settle_waiting(event, Status.UNMATCHED, f"Tried for 72 hours. {reason}")
        return True
    wait = min(FIRST_WAIT * 2 ** min(event.tries, 10), LONGEST_WAIT)
    changes = {"tries": F("tries") + 1, "next_try_at": real_now + wait, "reason": reason}
    InboundEvent.objects.waiting().filter(pk=event.pk).update(**changes)
    event.refresh_from_db()
    return False
