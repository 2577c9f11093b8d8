"""What providers report about attempts: statuses only rise, facts only grow, in whatever order reports come."""

from datetime import datetime
from decimal import Decimal

from campaigns.delivery.record import merged, raised
from campaigns.erasing import bare
from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations.inbox import NotYet
from integrations.models import InboundEvent
from leads.models import Lead

STATUS = ContactAttempt.Status
UNDELIVERED = {STATUS.FAILED: Reason.NOT_DELIVERED, STATUS.BOUNCED: Reason.BOUNCED}


def record_delivery(event: InboundEvent, now: datetime) -> None:
    """A delivery report: facts ``{status, reason?, result?, cost?, currency?, duration?}``."""
    attempt = locked_attempt(event)
    facts = event.facts
    reported = str(facts["status"])
    attempt.status = raised(attempt.status, reported)
    attempt.provider_ref = attempt.provider_ref or event.provider_ref or None  # it may come before our own record
    attempt.result = merged(attempt.result, facts.get("result") or {})
    if reported in UNDELIVERED and attempt.status == reported:
        attempt.reason = str(UNDELIVERED[STATUS(reported)])
    elif attempt.status in {STATUS.DELIVERED, STATUS.SUCCESS}:
        attempt.reason = ""
    attempt.completed_at = attempt.completed_at or now
    if facts.get("cost") is not None:
        attempt.cost, attempt.currency = Decimal(str(facts["cost"])), facts.get("currency", "")
    if facts.get("duration") is not None:
        attempt.duration = int(facts["duration"])
    _save(attempt, event)


def record_reply(event: InboundEvent, now: datetime) -> None:
    """A reply: facts ``{text, automatic}``. A person's reply is success; an automatic one changes nothing but facts."""
    attempt = locked_attempt(event)
    if event.facts.get("automatic"):
        attempt.result = merged(attempt.result, {"autoReplied": True})
    else:
        reply = {"replied": True, "reply": event.facts.get("text", ""), "repliedAt": event.occurred_at.isoformat()}
        attempt.status = raised(attempt.status, STATUS.SUCCESS)
        attempt.reason = ""
        attempt.result = merged(attempt.result, reply)
        attempt.completed_at = attempt.completed_at or now
    _save(attempt, event)


def _save(attempt: ContactAttempt, event: InboundEvent) -> None:
    """What arrives after the lead was erased leaves bare facts only, and the event itself is emptied (INV-21)."""
    if Lead.objects.filter(pk=attempt.lead_id).exclude(erased_at=None).exists():
        attempt.result = bare(attempt.result)
        InboundEvent.objects.filter(pk=event.pk).update(payload={}, facts={})
    attempt.save()


def locked_attempt(event: InboundEvent) -> ContactAttempt:
    """The attempt an event speaks of, by the provider's reference or the id we planted; the lead is locked first.

    Raises NotYet when there is none so far: the report may have come before our own record.
    """
    attempt = _find(event)
    if attempt is None or attempt.status == STATUS.PENDING:
        raise NotYet
    list(Lead.objects.filter(pk=attempt.lead_id).locked().values_list("pk"))
    return ContactAttempt.objects.select_for_update().get(pk=attempt.pk)


def _find(event: InboundEvent) -> ContactAttempt | None:
    if event.provider_ref:
        by_ref = ContactAttempt.objects.filter(provider=event.provider, provider_ref=event.provider_ref).first()
        if by_ref:
            return by_ref
    return ContactAttempt.objects.filter(pk=event.attempt_id).first() if event.attempt_id else None
