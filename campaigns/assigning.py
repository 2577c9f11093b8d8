"""Leads into campaigns and out of them, set-based: however many leads, a constant number of statements per slice.

Everything here locks the leads first, in the order of their ids, so that two who assign, remove or opt out the same
leads at once count each lead once.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import batched
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from campaigns.models import Campaign, CampaignLead
from campaigns.models.campaign import CampaignLeadQuerySet
from campaigns.reasons import Reason
from leads.models import Lead
from retention_center import audit
from retention_center.lib import clock

SLICE = 500  # leads per statement
FREE: dict[str, Any] = {"held_reason": "", "held_until": None, "held_since": None}


class Assigned(NamedTuple):
    assigned: int
    skipped: int  # already in the campaign, deleted, or no such lead


def assign(campaign: Campaign, lead_ids: Iterable[str], now: datetime, actor: audit.Actor) -> Assigned:
    """Put the leads into the campaign, each once; says how many are new in it and how many were left out."""
    asked = list(dict.fromkeys(lead_ids))
    with transaction.atomic():
        assigned = sum(put_in(campaign.pk, ids, now) for ids in _slices(asked))
        result = Assigned(assigned, len(asked) - assigned)
        if assigned:
            audit.record(actor, "assign leads", campaign, after=result._asdict())
    return result


def assign_imported(campaign_id: str, lead_ids: Sequence[str], now: datetime) -> int:
    """Put imported leads into the campaign the import names: how many are new in it.

    The import is what staff did, and is audited as such; a campaign that no longer exists takes nobody.
    """
    with transaction.atomic():
        if not Campaign.objects.filter(pk=campaign_id).exists():
            return 0
        return sum(put_in(campaign_id, ids, now) for ids in _slices(lead_ids))


def remove(campaign: Campaign, lead_ids: Iterable[str], actor: audit.Actor) -> int:
    """Take the leads out of the campaign: how many were in it. Their attempts stay.

    A place whose contact is in flight at this moment is not taken away but completed; so is one of a lead so new that
    ``autoAssign`` would give it again.
    """
    with transaction.atomic():
        removed, stays = 0, _stays(campaign)
        for ids in _slices(list(dict.fromkeys(lead_ids))):
            _lock(ids)
            removed += _remove(CampaignLead.objects.filter(campaign=campaign, lead_id__in=ids), stays)
        if removed:
            audit.record(actor, "remove leads", campaign, after={"removed": removed})
    return removed


def complete_for_lead(lead_ids: Sequence[str], reason: str, now: datetime) -> int:
    """End the leads' part in every campaign, for a reason code: how many campaign leads ended.

    Called (settings.LEAD_WENT_OFF) inside the transaction that makes the leads not contactable, under their locks.
    """
    ended = 0
    for ids in _slices(lead_ids):
        ended += _complete(CampaignLead.objects.filter(lead_id__in=ids), reason, now)
    return ended


def start_waiting(campaign: Campaign, now: datetime) -> int:
    """The campaign was made active: how many of its waiting leads are due now, or from its start on.

    What waits for a later moment keeps it; what was too late is released, since staff decided it.
    """
    waiting = campaign.campaign_leads.waiting().filter(Q(due_at=None) | Q(due_at__lte=now), is_in_flight=False)
    return waiting.update(
        due_at=first_due(campaign, now), scheduled_at=first_due(campaign, now), updated_at=now, **FREE
    )


def first_due(campaign: Campaign, now: datetime) -> datetime:
    return max(now, campaign.start_date or now)


def _stays(campaign: Campaign) -> Q:
    stays = Q(is_in_flight=True)
    if campaign.meta.get("autoAssign"):
        new_since = campaign.assign_cursor or campaign.assigns_from or campaign.updated_at
        stays |= Q(lead__created_at__gte=new_since)
    return stays


def _remove(places: CampaignLeadQuerySet, stays: Q) -> int:
    ids = list(places.filter(stays).values_list("pk", flat=True))
    kept = _complete(places.filter(pk__in=ids), Reason.REMOVED_FROM_CAMPAIGN, clock.now())
    return places.exclude(pk__in=ids).delete()[0] + kept


def _complete(places: CampaignLeadQuerySet, reason: str, now: datetime) -> int:
    return places.waiting().update(
        status=CampaignLead.Status.COMPLETED, reason=reason, completed_at=now, updated_at=now, due_at=None, **FREE
    )


def put_in(campaign_id: str, lead_ids: Sequence[str], now: datetime) -> int:
    """Give the leads that are present and not in the campaign their places, within the caller's transaction: how many.

    A place in an active campaign is due from the beginning.
    """
    present = _lock(lead_ids)
    inside = CampaignLead.objects.filter(campaign_id=campaign_id, lead_id__in=present)
    known = set(inside.values_list("lead_id", flat=True))
    fresh = [
        CampaignLead(campaign_id=campaign_id, lead_id=lead_id, assigned_at=now, updated_at=now)
        for lead_id in present
        if lead_id not in known
    ]
    # Whoever activates the campaign meanwhile finds these rows, or is found by us
    campaign = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign_id)
    if campaign.status == Campaign.Status.ACTIVE:
        for place in fresh:
            place.scheduled_at = place.due_at = first_due(campaign, now)
    CampaignLead.objects.bulk_create(fresh)
    return len(fresh)


def _lock(lead_ids: Sequence[str]) -> list[str]:
    """Lock the leads that are present: their ids, in order."""
    return list(Lead.objects.present().filter(pk__in=lead_ids).locked().values_list("pk", flat=True))


def _slices(lead_ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in order, in slices: locks are then taken in one order over all slices."""
    return (list(ids) for ids in batched(sorted(lead_ids), SLICE))
