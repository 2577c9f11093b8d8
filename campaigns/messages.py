"""What people say to us by SMS, or by ringing back: STOP and START change whom we may contact, all else is a reply."""

from datetime import datetime, timedelta

from django.db.models import F

from campaigns.auto_replies import is_automatic
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
SENT = {Channel.SMS: "SMS", Channel.CALL: "call"}


def take_in(event: InboundEvent, now: datetime) -> str | None:
    """A message from a person: facts ``{channel, from, text, keyword: stop|start|help|""}``."""
    sender, keyword, channel = str(event.facts["from"]), event.facts["keyword"], Channel(event.facts["channel"])
    lead = _lead_of(event, sender)
    if lead:
        event.lead_id = lead.pk
        event.save(update_fields=["lead_id"])
    match keyword:
        case "stop":
            consent.stop(lead, sender, channel=channel, source=SOURCE, now=now, actor=SYSTEM)
        case "start":
            consent.start_again(lead, sender, channel=channel, source=SOURCE, now=now, actor=SYSTEM)
        case "":
            return _reply(event, lead, channel, now)
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


def _reply(event: InboundEvent, lead: Lead | None, channel: Channel, now: datetime) -> str | None:
    """It answers the latest message that went to the lead on this channel; what a telephone says by itself is kept,
    and answers nothing."""
    if lead is None:
        raise Unmatched("No lead has this number.")
    sent = lead.contact_attempts.accepted().filter(channel=channel, started_at__gte=now - ANSWERS_WITHIN)
    latest = sent.order_by("-started_at", "-pk").first()
    if latest is None:
        return f"No {SENT[channel]} went to this lead in the last 30 days."
    event.attempt_id = latest.pk
    event.facts = event.facts | {"automatic": channel == Channel.SMS and is_automatic(str(event.facts["text"]))}
    event.save(update_fields=["attempt_id", "facts"])
    record_reply(event, now)
    return None


def _lead_of(event: InboundEvent, sender: str) -> Lead | None:
    """Whom staff named, else who has the number; of deleted leads the last who had it."""
    if event.lead_id:
        return Lead.objects.filter(pk=event.lead_id).first()
    return Lead.objects.filter(phone=sender).order_by(F("deleted_at").desc(nulls_first=True)).first()
