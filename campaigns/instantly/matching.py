"""Whom an event of Instantly's means, when it names only a campaign there and an address."""

from django.db.models import F, Q

from campaigns.instantly.setting_up import PROVIDER
from campaigns.models import Campaign, ContactAttempt, Script
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.lib.channels import Channel


def attempt_meant(event: InboundEvent) -> ContactAttempt | None:
    """The newest e-mail by Instantly to the address, for the campaign of ours that the event's campaign belongs to."""
    lead, remote = lead_with(str(event.facts.get("address") or "")), str(event.facts.get("remoteCampaign") or "")
    if lead is None or not remote:
        return None
    emails = lead.contact_attempts.filter(channel=Channel.EMAIL, provider=PROVIDER).order_by("-started_at", "-pk")
    ours = Q(campaign__meta__instantlyCampaignId=remote) | Q(script__instantly_campaign_id=remote)
    if meant := emails.filter(ours).first():
        return meant
    is_ours = Campaign.objects.filter(meta__instantlyCampaignId=remote, campaign_leads__lead=lead).exists()
    is_ours = is_ours or Script.objects.filter(instantly_campaign_id=remote).exists()
    return emails.first() if is_ours else None


def lead_with(address: str) -> Lead | None:
    """Who has the address; of deleted leads the last who had it."""
    with_it = Lead.objects.filter(email=address) if address else Lead.objects.none()
    return with_it.order_by(F("deleted_at").desc(nulls_first=True)).first()
