"""Campaigns that take new leads by themselves (``autoAssign``), along a cursor, so that no outage misses anybody.

New are leads made after ``assigns_from``: the moment it was first active, or ``autoAssign`` was switched on.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from campaigns import assigning
from campaigns.models import Campaign, CampaignLead
from leads.models import Lead, LeadQuerySet
from leads.walking import not_past, safe_until
from retention_center import audit

OVERLAP = timedelta(minutes=15)  # for leads that a long import commits late
CHUNK = 1000


def assign_new_leads(now: datetime, in_time: Callable[[], bool] = lambda: True) -> int:
    """One look for every active campaign with ``autoAssign``: how many leads it took in."""
    running = Campaign.objects.filter(Q(end_date=None) | Q(end_date__gt=now), status=Campaign.Status.ACTIVE)
    taking = running.filter(meta__autoAssign=True).order_by("pk")
    return sum(_look(campaign, now, in_time) for campaign in taking if in_time())


def new_leads(campaign: Campaign) -> LeadQuerySet:
    """Those it has yet to take; buyers and people not to contact are never assigned by themselves."""
    since = campaign.assigns_from or campaign.updated_at  # made without our verbs, it begins where it was written
    leads = Lead.objects.present().exclude(status__in=[Lead.Status.DO_NOT_CONTACT, Lead.Status.CONVERTED])
    leads = leads.filter(created_at__gte=since)
    if campaign.assign_cursor:
        leads = leads.filter(created_at__gt=campaign.assign_cursor)
    return leads.exclude(Exists(CampaignLead.objects.filter(campaign=campaign, lead=OuterRef("pk"))))


def _look(campaign: Campaign, now: datetime, in_time: Callable[[], bool]) -> int:
    reached = safe_until(Lead.objects.aggregate(last=Max("created_at"))["last"], OVERLAP)
    waiting = new_leads(campaign).order_by("created_at", "pk")
    assigned = 0
    while in_time() and (taken := _take(campaign, waiting, now)):
        assigned += taken
    reached = not_past(reached, waiting.values_list("created_at", flat=True).first())
    moved = {"assigns_from": campaign.assigns_from or campaign.updated_at, "assign_cursor": reached}
    if any(value != getattr(campaign, name) for name, value in moved.items()):
        _as_seen(campaign).update(**moved)
    return assigned


def _take(campaign: Campaign, waiting: QuerySet[Lead], now: datetime) -> int:
    """A chunk of those who wait; what they are is asked again under their locks."""
    ids = list(waiting.values_list("pk", flat=True)[:CHUNK])
    if not ids:
        return 0
    with transaction.atomic():
        still = list(new_leads(campaign).filter(pk__in=ids).locked().values_list("pk", flat=True))
        if not _as_seen(campaign).select_for_update().exists():
            return 0
        taken = assigning.put_in(campaign.pk, still, now)
        audit.record(audit.SYSTEM, "assign leads", campaign, after={"assigned": taken, "autoAssign": True})
    return taken


def _as_seen(campaign: Campaign) -> QuerySet[Campaign]:
    """The campaign, unless it was changed since we read it."""
    return Campaign.objects.filter(pk=campaign.pk, status=campaign.status, updated_at=campaign.updated_at)
