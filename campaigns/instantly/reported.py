"""What Instantly tells beside the fate of e-mails: interest, people who unsubscribed, and news of whole campaigns."""

from datetime import datetime

import structlog

from campaigns.instantly.matching import attempt_meant, lead_with
from campaigns.models import ContactAttempt
from integrations.inbox import NotYet
from integrations.models import InboundEvent
from leads import consent
from leads.models import Lead
from retention_center import audit
from retention_center.lib import clock

log = structlog.get_logger(__name__)
OPEN = (Lead.Status.NEW, Lead.Status.CONTACTED)


def bring_forward(event: InboundEvent, now: datetime) -> None:
    """Somebody answered, or shows interest: the lead is in progress, unless more is known of it already."""
    lead_id = _lead_id(event) if event.facts.get("engaged") else ""
    lead = Lead.objects.locked().filter(pk=lead_id).first() if lead_id else None
    if lead is None or lead.status not in OPEN:
        return
    before = audit.snapshot(lead, "status")
    lead.status, lead.matched_at = Lead.Status.IN_PROGRESS, clock.now()
    lead.save(update_fields=["status", "matched_at"])
    audit.record(audit.SYSTEM, "change", lead, before=before, after=audit.snapshot(lead, "status"))


def record_unsubscribe(event: InboundEvent, now: datetime) -> None:
    """The person behind an address unsubscribed: facts ``{channel, source, address}``. Known to us or not."""
    channel, source = str(event.facts["channel"]), str(event.facts["source"])
    address = str(event.facts.get("address") or "")
    attempt = ContactAttempt.objects.select_related("lead").filter(pk=event.attempt_id or None).first()
    lead = attempt.lead if attempt else lead_with(address)
    if lead is None and not address:
        raise NotYet
    event.lead_id = lead.pk if lead else ""
    event.save(update_fields=["lead_id"])
    consent.stop(lead, address, channel=channel, source=source, now=now, actor=audit.SYSTEM)


def _lead_id(event: InboundEvent) -> str:
    attempt = ContactAttempt.objects.filter(pk=event.attempt_id or None).first() or attempt_meant(event)
    return str(attempt.lead_id or "") if attempt else ""


def record_campaign_event(event: InboundEvent, now: datetime) -> None:
    """News of a whole campaign or mailbox there: facts ``{what}``. It is kept; what goes wrong is also logged."""
    if event.facts.get("what") == "account_error":
        log.warning("instantly_account_error", inbound_event=event.pk, mailbox=event.payload.get("email_account", ""))
