"""Campaign contacts that wait on a channel which is barred to their lead by now: left out, and the campaign goes on."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from campaigns.due_contacts import DueContacts, item_of
from campaigns.instantly.withdrawing import withdraw_for_lead
from campaigns.models import Campaign, CampaignLead
from campaigns.plan import plan_of
from campaigns.policy import Decision
from campaigns.reasons import Reason
from retention_center.lib.bulk import listed, update_rows
from retention_center.lib.channels import Channel


def skip_channel(lead_ids: Sequence[str], channel: str, now: datetime) -> int:
    """Leave out the leads' next campaign contacts while they are on the channel: how many.

    In settings.CHANNEL_WENT_OFF: runs in the caller's transaction, which holds the leads' locks. What follows comes
    no sooner than the contact that is left out would have. What stands at Instantly already is taken out there.
    """
    if channel == Channel.EMAIL:
        withdraw_for_lead(lead_ids, str(Reason.OPTED_OUT), now)
    waiting = CampaignLead.objects.waiting().filter(lead__in=listed(lead_ids), is_in_flight=False)
    by_campaign: dict[Campaign, list[CampaignLead]] = defaultdict(list)
    for place in waiting.select_related("campaign", "lead"):
        by_campaign[place.campaign].append(place)
    return sum(_skip(campaign, places, channel, now) for campaign, places in by_campaign.items())


def _skip(campaign: Campaign, places: Sequence[CampaignLead], channel: str, now: datetime) -> int:
    source = DueContacts(campaign.pk)
    source.plan = plan_of(campaign)
    wanted = {place.pk: place.scheduled_at for place in places}
    barred, skipped = Decision(Reason.SUPPRESSED), 0
    left = list(places)
    while left := [place for place in left if place.status in CampaignLead.WAITING and place.next_channel == channel]:
        source.put_off([(item_of(place, place.lead, campaign, source.plan), barred) for place in left], now)
        skipped += len(left)
    later = [
        {"id": place.pk, "scheduled_at": wanted[place.pk], "due_at": wanted[place.pk]}
        for place in places
        if place.status in CampaignLead.WAITING and (wanted[place.pk] or now) > now
    ]
    update_rows(CampaignLead, later)
    return skipped
