"""What comes next for a lead and why, and whether it may be contacted now: parts of its page, or small pages."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.module_loading import import_string

from leads import next_contact
from leads.models import Lead
from leads.views.live import live
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role

WAYS = (Channel.EMAIL, Channel.SMS, Channel.CALL)  # what a person can be reached by


@needs(Role.VIEWER)
def upcoming(request: HttpRequest, pk: str) -> HttpResponse:
    """Everything open for the lead and what the processor will do with it."""
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    now = clock.now()
    outlook = next_contact.outlook(found, now)
    context = {"lead": found, "outlook": outlook, "their_zone": zone_of(found)}
    return live(request, "leads/upcoming.html", "panel", context)


@needs(Role.VIEWER)
def checks(request: HttpRequest, pk: str) -> HttpResponse:
    """May we contact them now: each way with every rule."""
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    now = clock.now()
    answers = import_string(settings.MAY_CONTACT)(found, now, ways_asked(request.GET.get("channel", "")))
    return live(request, "leads/checks.html", "ways", {"lead": found, "answers": answers, "at": now})


def ways_asked(channel: str) -> tuple[str, ...]:
    return (channel,) if channel in Channel.values else tuple(WAYS)


def zone_of(lead: Lead) -> ZoneInfo | None:
    """Where the lead is, as far as anybody knows."""
    name: Any = lead.time_zone or next(iter(lead.phone_zones), "")
    return ZoneInfo(name) if name else None
