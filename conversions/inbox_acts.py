"""What staff may do with an inbound event: have it tried again, or say whom it speaks of. Both are audited with it."""

from django.db import transaction

from integrations import inbox
from integrations.models import InboundEvent
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock


def replay(event: InboundEvent, actor: Actor) -> None:
    """Try it again at once; inbox.AlreadyApplied when it was acted on before. ``event`` then tells what came of it."""
    with transaction.atomic():
        before = audit.snapshot(event, "status")
        inbox.replay(event, clock.now())
        _record(actor, "replay", event, before)


def link(event: InboundEvent, *, lead_id: str = "", attempt_id: str = "", actor: Actor) -> None:
    """Say which lead, or which attempt, it speaks of, and try it again; the ids must exist. Else as `replay`."""
    with transaction.atomic():
        before = audit.snapshot(event, "status", "lead_id", "attempt_id")
        inbox.link(event, lead_id=lead_id, attempt_id=attempt_id, now=clock.now())
        _record(actor, "link", event, before)


def _record(actor: Actor, verb: str, event: InboundEvent, before: dict[str, object]) -> None:
    event.refresh_from_db()
    audit.record(actor, verb, event, before=before, after=audit.snapshot(event, *before))
