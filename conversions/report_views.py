"""Today's page, the overview report, the queue of replies."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns.models import ContactAttempt
from conversions import drawing, replies, report_telling, reports, setup, telling
from conversions.dashboard import CHOICES, REPLIES_COUNTED, REPLIES_SHOWN, Today
from conversions.periods import BadPeriod, Period, period_of
from retention_center.audit import actor_of
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role


@require_GET
@needs(Role.VIEWER)
def dashboard(request: HttpRequest) -> HttpResponse:
    """What staff need to know first, and what is missing where nothing was ever sent."""
    today = _today(request)
    if today.is_quiet and setup.is_fresh():
        return _fresh(request)
    context = telling.strip(today) | {
        "choices": [
            {"label": f"{days} days", "href": f"?days={days}", "is_current": days == today.days} for days in CHOICES
        ],
        "figures": telling.figures(today),
        "reasons": telling.reason_rows(today.shown_reasons, today.yesterday.start, today.today.end),
        "reasons_total": sum(cause.count for cause in today.reasons),
        "replies": today.replies[:REPLIES_SHOWN],
        "sends": drawing.sends_chart(today.charted, today.sends_by_day, today=today.day),
        "revenue": drawing.revenue_chart(today.period, *today.revenue),
        "currency": settings.CURRENCY,
        "zone_name": today.zone.key.rpartition("/")[2].replace("_", " "),
    }
    return render(request, "dashboard/today.html", context)


@require_GET
@needs(Role.VIEWER)
def strip(request: HttpRequest) -> HttpResponse:
    """The processor strip alone: the page asks for it every ten seconds."""
    return render(request, "dashboard/today.html#strip", telling.strip(_today(request)))


@require_GET
@needs(Role.VIEWER)
def overview(request: HttpRequest) -> HttpResponse:
    """The overview report, for the days asked for."""
    zone = ZoneInfo(settings.TIME_ZONE)
    now = clock.now()
    asked = {name: request.GET.get(name, "") for name in ("dateFrom", "dateTo")}
    today, problem = now.astimezone(zone).date(), None
    try:
        period = period_of(asked["dateFrom"], asked["dateTo"], today=today, zone=zone)
    except BadPeriod as bad:
        period, problem = period_of("", "", today=today, zone=zone), bad
    figures = reports.overview(period.first, period.last, now=now)
    context = {
        "figures": figures,
        "period": period,
        "headline": report_telling.headline(figures, period),
        **report_telling.tables(figures, period),
        **report_telling.charts(figures, period),
        "choices": _presets(period, today),
        "problem": problem,
        "date_from": _kept(asked["dateFrom"]) if problem else period.first.isoformat(),
        "date_to": _kept(asked["dateTo"]) if problem else period.last.isoformat(),
    }
    return render(request, "reports/overview.html", context, status=422 if problem else 200)


@require_GET
@needs(Role.VIEWER)
def reply_queue(request: HttpRequest) -> HttpResponse:
    """Replies that wait for a person."""
    context = {
        "replies": replies.latest(clock.now(), REPLIES_COUNTED),
        "may_change": request.user.may(Role.OPERATOR),  # type: ignore[union-attr]
        "crumbs": [{"label": "Reports", "href": reverse("reports")}, {"label": "Replies", "href": ""}],
    }
    return render(request, "reports/replies.html", context)


@require_POST
@needs(Role.OPERATOR)
def reply_handled(request: HttpRequest, pk: str) -> HttpResponse:
    """Somebody has dealt with the reply."""
    attempt = get_object_or_404(ContactAttempt, pk=pk)
    if replies.mark_handled(attempt, now=clock.now(), actor=actor_of(request)):
        messages.success(request, f"The reply of {attempt.lead} is dealt with.")
    else:
        messages.info(request, "That reply was dealt with already.")
    return redirect("replies")


def _fresh(request: HttpRequest) -> HttpResponse:
    """Nothing was ever sent: what it takes, and to whom it falls."""
    found = setup.needs()
    missing = [need for need in found if not need.is_there]
    mine = [need for need in missing if request.user.may(need.role)]  # type: ignore[union-attr]
    return render(request, "dashboard/fresh.html", {"needs": found, "missing": missing, "mine": mine})


def _today(request: HttpRequest) -> Today:
    asked = request.GET.get("days", "")
    days = next((choice for choice in CHOICES if str(choice) == asked), CHOICES[0])
    return Today(clock.now(), ZoneInfo(timezone.get_current_timezone_name()), days)


def _presets(period: Period, today: date) -> list[dict[str, Any]]:
    """The usual periods up to today, as addresses."""
    usual = [(days, Period.ending(today, days, period.zone)) for days in report_telling.PRESETS]
    return [
        {"label": f"{days} days", "href": f"?dateFrom={one.first}&dateTo={one.last}", "is_current": one == period}
        for days, one in usual
    ]


def _kept(text: str) -> str:
    """What was asked for, as far as a date field can show it."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""
