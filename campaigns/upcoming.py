"""What campaigns have open for a lead."""

from datetime import datetime

from campaigns.delivery.work import WorkItem
from campaigns.due_contacts import item_of
from campaigns.models import Campaign, CampaignLead, ContactAttempt
from campaigns.outlook import Upcoming
from campaigns.plan import plan_of
from campaigns.reasons import Reason
from leads.models import Lead


def of_lead(lead: Lead, now: datetime) -> list[Upcoming]:
    """Places with a contact to come, in the processor's order: `outlook` has loaded them; a query for each campaign's
    scripts, and one more where it compares texts."""
    places = [place for place in lead.campaign_leads.all() if place.status in CampaignLead.WAITING]
    return [_of_place(place, lead, now) for place in places if place.next_channel]


def by_hand(lead: Lead, now: datetime) -> list[Upcoming]:
    """Contacts by staff or the API of which nobody knows yet what came of them; one query, none for a lead of
    `next_contact.with_open_attempts` that has none."""
    if not getattr(lead, "has_open_attempts", True):
        return []
    under_way = lead.contact_attempts.filter(
        origin=ContactAttempt.Origin.MANUAL,
        status__in=[ContactAttempt.Status.PENDING, ContactAttempt.Status.UNKNOWN],
        completed_at=None,
    )
    return [
        Upcoming(
            item=WorkItem(attempt.work_id, lead, attempt.channel, None, attempt.try_no, 0),
            owner=None,
            name="By hand",
            href=attempt.get_absolute_url(),
            is_in_flight=True,
        )
        for attempt in under_way.order_by("-started_at")[:3]
    ]


def _of_place(place: CampaignLead, lead: Lead, now: datetime) -> Upcoming:
    campaign = place.campaign
    runs = campaign.status == Campaign.Status.ACTIVE and (campaign.end_date is None or campaign.end_date > now)
    looked_at = max(place.due_at, campaign.start_date or place.due_at) if place.due_at and runs else None
    return Upcoming(
        item=item_of(place, lead, campaign, plan_of(campaign, is_tested=place.is_tested)),  # type: ignore[attr-defined]
        owner=campaign,
        name=f"Contact {len(place.done) + 1}",
        href=campaign.get_absolute_url(),
        looked_at=looked_at,
        ends_at=campaign.end_date,
        held_reason=place.held_reason if runs else Reason.CAMPAIGN_PAUSED,
        held_since=place.held_since,
        is_in_flight=place.is_in_flight,
        failures=place.failures,
    )
