"""What people write to us by SMS: STOP and START change whom we may contact, everything else is a reply."""

from datetime import datetime, timedelta

from django.db.models import F

from campaigns.inbound import record_reply
from campaigns.models import ContactAttempt
from integrations.inbox import NotYet, Unmatched
from integrations.models import InboundEvent
from leads import consent
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.channels import Channel

ANSWERS_WITHIN = timedelta(days=30)
SOURCE = "sms"


def take_in(event: InboundEvent, now: datetime) -> str | None:
    """A message from a person: facts ``{channel, from, text, keyword: stop|start|help|""}``."""
    sender, keyword = str(event.facts["from"]), event.facts["keyword"]
    lead = _lead_of(event, sender)
    if lead:
        event.lead_id = lead.pk
        event.save(update_fields=["lead_id"])
    match keyword:
        case "stop":
            consent.stop(lead, sender, channel=Channel.SMS, source=SOURCE, now=now, actor=SYSTEM)
        case "start":
            consent.start_again(lead, sender, channel=Channel.SMS, source=SOURCE, now=now, actor=SYSTEM)
        case "":
            return _reply(event, lead, now)
    return None


def record_opt_out(event: InboundEvent, now: datetime) -> None:
    """The provider says that its receiver had opted out: facts ``{channel, source}``; the attempt says who it was."""
    attempt = ContactAttempt.objects.select_related("lead").filter(pk=event.attempt_id).first()
    if attempt is None:
        attempt = ContactAttempt.objects.filter(
            provider=event.provider, provider_ref=event.provider_ref or None
        ).first()
    if attempt is None:
        raise NotYet
    channel, source = str(event.facts["channel"]), str(event.facts["source"])
    consent.stop(attempt.lead, attempt.address, channel=channel, source=source, now=now, actor=SYSTEM)


def _reply(event: InboundEvent, lead: Lead | None, now: datetime) -> str | None:
    """It answers the latest SMS that went to the lead."""
    if lead is None:
        raise Unmatched("No lead has this number.")
    sent = lead.contact_attempts.accepted().filter(channel=Channel.SMS, started_at__gte=now - ANSWERS_WITHIN)
    latest = sent.order_by("-started_at", "-pk").first()
    if latest is None:
        return "No SMS went to this lead in the last 30 days."
    event.attempt_id = latest.pk
    event.save(update_fields=["attempt_id"])
    record_reply(event, now)
    return None


def _lead_of(event: InboundEvent, sender: str) -> Lead | None:
    """Whom staff named, else who has the number; of deleted leads the last who had it."""
    if event.lead_id:
        return Lead.objects.filter(pk=event.lead_id).first()
    return Lead.objects.filter(phone=sender).order_by(F("deleted_at").desc(nulls_first=True)).first()
