"""What comes next for a lead and why, and whether it may be contacted now: parts of its page, or small pages."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.module_loading import import_string

from leads import next_contact
from leads.models import Lead
from leads.timeline import OTHER, Event
from leads.views.live import live
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role
from retention_center.pages.partials import is_partial
from retention_center.pages.statuses import status_of

WAYS = (Channel.EMAIL, Channel.SMS, Channel.CALL)  # what a person can be reached by


@needs(Role.VIEWER)
def upcoming(request: HttpRequest, pk: str) -> HttpResponse:
    """Everything open for the lead and what the processor will do with it."""
    found = get_object_or_404(next_contact.with_open_attempts(Lead.objects.present()), pk=pk)
    now = clock.now()
    outlook = next_contact.outlook(found, now)
    context = {
        "lead": found,
        "outlook": outlook,
        "their_zone": zone_of(found),
        "planned": planned(outlook) if "planned" in request.GET else None,  # for the timeline of the lead's page
    }
    return live(request, "leads/upcoming.html", "panel", context)


def planned(outlook: Any) -> list[Event]:
    """What comes of everything open, as the timeline tells it: the latest first, above it what has no time."""
    events = [_as_event(one) for one in outlook.expected]
    timeless = [event for event in events if event.at is None]
    return timeless + sorted((event for event in events if event.at), key=lambda event: event.at, reverse=True)


def _as_event(one: Any) -> Event:
    shown = {"skipped": "SKIPPED", "stopped": "SKIPPED", "in_flight": "PENDING"}.get(one.comes, "SCHEDULED")
    is_held = shown == "SCHEDULED" and one.is_held
    mark = status_of("SequenceStepExecution", "HELD" if is_held else shown)
    outcomes = {
        "in_flight": "is being sent",
        "skipped": "will be skipped",
        "stopped": "will be called off",
        "sent": "held until then" if is_held else "planned",
    }
    waits = "held until staff decide" if one.waits_for_staff else f"waits until {one.waits_until}"
    return Event(
        one.at, OTHER, one.what, mark.shape, mark.tone,
        outcome=outcomes.get(one.comes, waits), detail=f"{one.why}." if one.why else "", origin=one.origin,
        origin_href=one.href, happened=False, is_planned=True,
    )  # fmt: skip


@needs(Role.VIEWER)
def checks(request: HttpRequest, pk: str) -> HttpResponse:
    """May we contact them now: each way with every rule."""
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    now = clock.now()
    answers = import_string(settings.MAY_CONTACT)(found, now, ways_asked(request.GET.get("channel", "")))
    context = {"lead": found, "answers": answers, "at": now, "is_page": not is_partial(request)}
    return live(request, "leads/checks.html", "ways", context)


def ways_asked(channel: str) -> tuple[str, ...]:
    return (channel,) if channel in Channel.values else tuple(WAYS)


def zone_of(lead: Lead) -> ZoneInfo | None:
    """Where the lead is, as far as anybody knows."""
    name: Any = lead.time_zone or next(iter(lead.phone_zones), "")
    return ZoneInfo(name) if name else None
