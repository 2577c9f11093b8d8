"""What providers report about attempts: statuses only rise, facts only grow, in whatever order reports come."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime

from campaigns.delivery.record import mark_contacted, merged, raised
from campaigns.erasing import bare
from campaigns.instantly.matching import attempt_meant
from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations import breaker
from integrations.breaker import Outcomes
from integrations.inbox import NotYet, Unmatched
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.lib import clock

STATUS = ContactAttempt.Status
ARRIVED = {STATUS.DELIVERED, STATUS.SUCCESS}
UNDELIVERED = {STATUS.FAILED: Reason.NOT_DELIVERED, STATUS.BOUNCED: Reason.BOUNCED}
FRESH = timedelta(minutes=15)  # a failure of everybody's that was longer ago says nothing about now


def record_delivery(event: InboundEvent, now: datetime) -> None:
    """A delivery report: facts ``{status, reason?, result?, cost?, currency?, duration?, endedAt?, hitsEverybody?}``.

    ``reason`` is a code of our reasons, for what failed; ``hitsEverybody`` says why everybody's would have.
    """
    attempt = locked_attempt(event)
    facts = event.facts
    reported = str(facts["status"])
    attempt.status = raised(attempt.status, reported)
    attempt.provider_ref = attempt.provider_ref or event.provider_ref or None  # it may come before our own record
    attempt.result = merged(attempt.result, facts.get("result") or {})
    if reported in UNDELIVERED and attempt.status == reported:
        attempt.reason = facts.get("reason") or str(UNDELIVERED[STATUS(reported)])
    elif attempt.status in ARRIVED:
        attempt.reason = ""
    attempt.completed_at = _ended_at(facts) or attempt.completed_at or (None if reported == STATUS.SENT else now)
    if facts.get("cost") is not None:
        attempt.cost, attempt.currency = Decimal(str(facts["cost"])), facts.get("currency", "")
    if facts.get("duration") is not None:
        attempt.duration = int(facts["duration"])
    if attempt.lead_id and attempt.status in ARRIVED:
        mark_contacted([attempt.lead_id])
    _save(attempt, event)
    _tell_of_outage(event, _ended_at(facts) or event.occurred_at)


def record_note(event: InboundEvent, now: datetime) -> None:
    """Something that changes nothing about the attempt; it stands on its page. Facts: ``{what}``."""
    if not event.attempt_id and not event.provider_ref:
        raise Unmatched("It does not say which contact it speaks of.")
    locked_attempt(event)


def record_reply(event: InboundEvent, now: datetime) -> None:
    """A reply: facts ``{text, automatic}``. A person's reply is success; an automatic one changes nothing but facts."""
    attempt = locked_attempt(event)
    if event.facts.get("automatic"):
        told = {"auto_replied": True, "auto_reply": event.facts.get("text", "")}
        attempt.result = merged(attempt.result, told)
    else:
        reply = {"replied": True, "reply_text": event.facts.get("text", ""), "repliedAt": event.occurred_at.isoformat()}
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


def _tell_of_outage(event: InboundEvent, at: datetime) -> None:
    """What failed for a reason that hits everybody is an outage, if it was just now."""
    real_now = clock.now()
    if event.facts.get("hitsEverybody") and real_now - at < FRESH:
        breaker.note({event.provider: Outcomes(refused=1, detail=str(event.facts["hitsEverybody"]))}, real_now)


def _ended_at(facts: dict[str, Any]) -> datetime | None:
    return parse_datetime(str(facts["endedAt"])) if facts.get("endedAt") else None


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
    planted = ContactAttempt.objects.filter(pk=event.attempt_id).first() if event.attempt_id else None
    return planted or attempt_meant(event)
