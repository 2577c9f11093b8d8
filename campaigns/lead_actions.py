"""What staff may do to many leads at once that only campaigns can (settings.LEAD_ACTIONS)."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.assigning import assign
from campaigns.models import Campaign
from retention_center.audit import Actor


def campaigns() -> list[tuple[str, str]]:
    """The campaigns that leads can be put into: (id, name)."""
    open_ones = Campaign.objects.exclude(status=Campaign.Status.COMPLETED)
    return list(open_ones.order_by("name").values_list("pk", "name")[:500])


def add_to_campaign(
    campaign_id: str, lead_ids: Sequence[str], *, now: datetime, actor: Actor
) -> tuple[int, dict[str, int]]:
    """How many leads are new in the campaign, and how many were left out by reason."""
    campaign = Campaign.objects.filter(pk=campaign_id).first()
    if campaign is None:
        return 0, {"the campaign does not exist any more": len(lead_ids)}
    found = assign(campaign, lead_ids, now, actor)
    return found.assigned, {"already in the campaign": found.skipped} if found.skipped else {}
