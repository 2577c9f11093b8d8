"""The buttons of a campaign whose e-mail Instantly sends, and what its page tells of that."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST

from campaigns.instantly import pushing, syncing
from campaigns.instantly.setting_up import NotReady
from campaigns.models import Campaign
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages.words import plural

LABELS = {  # counts as Instantly keeps them
    "leads": "Leads there",
    "contacted": "Contacted",
    "sent": "E-mails sent",
    "opened": "Opened",
    "clicked": "Clicked",
    "replied": "Replied",
    "automaticReplies": "Automatic replies",
    "bounced": "Bounced",
    "unsubscribed": "Unsubscribed",
}


def of_campaign(campaign: Campaign) -> dict[str, Any] | None:
    """What its page tells; None when Instantly has nothing to do with it. Two queries."""
    if not campaign.meta.get("instantlySync"):
        return None
    figures = campaign.instantly_figures
    counts = figures.get("counts", {})
    last = pushing.latest(campaign)
    return {
        "id": syncing.remote_id(campaign),
        "waiting": pushing.waiting(campaign).count(),
        "job": last,
        "is_pushing": last is not None and last.status in pushing.OPEN,
        "counts": [{"label": label, "value": counts[name]} for name, label in LABELS.items() if name in counts],
        "state": figures.get("state", ""),
        "at": parse_datetime(figures["at"]) if figures.get("at") else None,
    }


@require_POST
@needs(Role.OPERATOR)
def campaign_instantly_sync(request: HttpRequest, pk: str) -> HttpResponse:
    """Make the campaign there, or bring it up to date."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        synced = syncing.sync(campaign, audit.actor_of(request))
    except NotReady as refusal:
        messages.error(request, str(refusal))
    else:
        done = "is made at Instantly" if synced.was_created else "is up to date at Instantly"
        state = "and runs there" if synced.is_active else "and sends nothing there while it is not active here"
        messages.success(request, f"{campaign} {done}, {state}.")
    return redirect(campaign)


@require_POST
@needs(Role.OPERATOR)
def campaign_instantly_push(request: HttpRequest, pk: str) -> HttpResponse:
    """Hand over everybody who is still to be."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        job = pushing.push(campaign, by=request.user, actor=audit.actor_of(request))  # type: ignore[arg-type]
    except NotReady as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{plural(job.total or 0, 'lead')} are being handed to Instantly.")
    return redirect(campaign)


@require_POST
@needs(Role.OPERATOR)
def campaign_instantly_stop(request: HttpRequest, pk: str) -> HttpResponse:
    """End the push at work."""
    campaign = get_object_or_404(Campaign, pk=pk)
    if pushing.stop(campaign, audit.actor_of(request)):
        messages.success(request, "No more leads are handed to Instantly after the present batch.")
    else:
        messages.info(request, "No leads are being handed to Instantly.")
    return redirect(campaign)


@require_POST
@needs(Role.OPERATOR)
def campaign_instantly_pull(request: HttpRequest, pk: str) -> HttpResponse:
    """Fetch the figures."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        syncing.pull_figures(campaign, clock.now())
        messages.success(request, "The figures are as Instantly counts them now.")
    except NotReady as refusal:
        messages.error(request, str(refusal))
    return redirect(campaign)
