"""The forecast of a sequence: the newest result drawn, and how a running one goes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import batched
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods

from campaigns.reasons import sentence_of
from retention_center import audit, jobs
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Job, Role
from retention_center.pages import errors, words
from retention_center.pages.charts import CHANNEL_INKS, Chart, Series, stacked
from retention_center.pages.partials import pick_template
from sequences import forecast, forecast_job, forecast_words
from sequences.forecast import CannotForecast
from sequences.models import RetentionSequence
from sequences.views import record

SPANS = (7, forecast.DEFAULT_DAYS, 30, forecast.MOST_DAYS)
DAYS_DRAWN = 31  # longer forecasts are drawn in weeks
WHY = (
    ("held", "Waits, then leaves", "steps; one may wait for several reasons"),
    ("blocked", "Waits until somebody acts", "steps"),
    ("skipped", "Left out", "steps"),
    ("ended", "Stopped", "people who leave before the end"),
)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def sequence_forecast(request: HttpRequest, pk: str) -> HttpResponse:
    """Everybody may look; operators run it again, or stop one that runs."""
    sequence = record.find(pk)
    if request.method == "POST":
        return _act(request, sequence)
    newest, latest = forecast_job.newest(sequence.pk), forecast_job.latest(sequence.pk)
    is_open = newest is not None and newest.status in forecast_job.OPEN
    context = record.context(request, sequence, "forecast", "Forecast") | {
        "job": newest if newest != latest else None,
        "is_open": is_open,
        "days": [(n, n == (latest.arguments["days"] if latest else forecast.DEFAULT_DAYS)) for n in SPANS],
        "refusal": _refusal(sequence),
        **(_drawn(latest) if latest else {}),
    }
    answer = render(request, pick_template(request, "sequences/forecast.html", "live"), context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def _act(request: HttpRequest, sequence: RetentionSequence) -> HttpResponse:
    if "stop" in request.POST:
        newest = forecast_job.newest(sequence.pk)
        if newest is not None and jobs.request_stop(newest):
            audit.record(audit.actor_of(request), "stop", newest)
            messages.success(request, "The forecast stops.")
        return redirect("sequence-forecast", sequence.pk)
    days = request.POST.get("days", "")
    if days not in map(str, SPANS):
        return errors.problem_page(request, "400", "Choose 7, 14, 30 or 90 days.")
    try:
        forecast_job.start(sequence, int(days), audit.actor_of(request))
    except CannotForecast as refusal:
        return errors.problem_page(request, "409", str(refusal))
    return redirect("sequence-forecast", sequence.pk)


def _refusal(sequence: RetentionSequence) -> str:
    try:
        forecast.check(sequence, forecast.DEFAULT_DAYS)
    except CannotForecast as refusal:
        return str(refusal)
    return ""


def _drawn(latest: Job) -> dict[str, Any]:
    result = latest.result
    totals, today = result["totals"], clock.now().astimezone(ZoneInfo(settings.TIME_ZONE)).date()
    return {
        "headline": forecast_words.headline(result),
        "as_of": datetime.fromisoformat(result["computed_at"]),
        "is_cut_off": result["is_cut_off"],
        "chart": _chart(result["days"], today),
        "figures": _figures(totals),
        "why": [(title, note, _by_reason(totals[name])) for name, title, note in WHY],
        "costs": [
            (_label(row, today), row["contacts"], forecast_words.cost(row)) for row in result["days"] if row["contacts"]
        ],
        "assumptions": result["assumptions"],
    }


def _figures(totals: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(label, number, note)."""
    entering = totals["entering"]
    return [
        ("Contacts", words.number(totals["contacts"]), _by_channel(totals["by_channel"]) or "none"),
        ("Leads contacted", words.number(totals["contacted"]), f"of {words.plural(totals['leads'], 'lead')}"),
        ("Enter by themselves", words.number(entering), "in these days" if entering else "nobody"),
        ("Complete", words.number(totals["completes"]), "go through all steps that are left"),
        ("Cost", _known_cost(totals), _unknown_cost(totals)),
    ]


def _known_cost(totals: Mapping[str, Any]) -> str:
    if not totals["cost"]:
        return "unknown" if totals["unknown_cost"] else words.money(0, "")
    return ", ".join(forecast_words.amount(amount, currency) for currency, amount in totals["cost"].items())


def _unknown_cost(totals: Mapping[str, Any]) -> str:
    unknown = totals["unknown_cost"]
    return f"for {words.plural(unknown, 'contact')} nobody knows it" if unknown else "by what contacts have cost so far"


def _by_channel(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{Channel(name).label} {words.number(count)}" for name, count in counts.items())


def _by_reason(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(sentence_of(reason), count) for reason, count in counts.items()]


def _chart(rows: Sequence[Mapping[str, Any]], today: date) -> Chart:
    """Contacts by day, or by week where there are many days, stacked by channel."""
    size = 1 if len(rows) <= DAYS_DRAWN else 7
    bars = list(batched(rows, size))
    series = [
        Series(Channel(name).label, CHANNEL_INKS[Channel(name)], [_sum(bar, name) for bar in bars])
        for name in Channel.values
    ]
    totals = ", ".join(f"{one.name} {words.number(sum(one.values))}" for one in series if any(one.values))
    span = f"{words.plural(len(rows), 'day')}" + (", a bar per week" if size > 1 else "")
    return stacked(
        "Contacts by day and channel" if size == 1 else "Contacts by week and channel",
        [_label(bar[0], today) for bar in bars],
        series,
        summary=f"{span}: {totals or 'no contacts'}.",
    )


def _sum(rows: Sequence[Mapping[str, Any]], channel: str) -> int:
    return sum(row["by_channel"].get(channel, 0) for row in rows)


def _label(row: Mapping[str, Any], today: date) -> str:
    day = date.fromisoformat(row["date"])
    return "today" if day == today else f"{day.day} {day:%b}"
