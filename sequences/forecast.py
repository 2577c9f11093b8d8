"""The forecast: a dry run of a sequence over its next days. It decides in the engine's own words and writes nothing."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.delivery.facts import surroundings
from campaigns.windows import at_local
from integrations.providers.registry import ActiveProviders
from retention_center.lib import clock
from sequences import forecast_words
from sequences.forecast_pace import Lanes
from sequences.forecast_runs import Plan
from sequences.forecast_scripts import Fitting
from sequences.forecast_tally import Tally, prices
from sequences.forecast_walk import Run, Walk
from sequences.models import RetentionSequence

DEFAULT_DAYS, MOST_DAYS = 14, 90
Told = Callable[[int, int], None]  # after each slice: how many leads of how many


class CannotForecast(Exception):
    """There is nothing to foresee; the text says why."""


@dataclass(frozen=True)
class Bounds:
    """Where a forecast is cut off: so many leads of each kind (in it, entering), so many seconds."""

    leads: int = 250_000
    seconds: float = 300


def forecast(
    sequence: RetentionSequence, days: int, now: datetime, told: Told | None = None, bounds: Bounds | None = None
) -> dict[str, Any]:
    """What the sequence would do from ``now`` to the end of the ``days``-th day (today is the first), as plain values.

    ``totals``, ``days`` (a row each, in the organisation's zone), ``assumptions`` (sentences), ``computed_at``,
    ``is_cut_off``. A draft or paused sequence is foreseen as if it were activated now. Raises CannotForecast.
    """
    check(sequence, days)
    bounds = bounds or Bounds()
    deadline = clock.monotonic() + bounds.seconds
    zone = ZoneInfo(settings.TIME_ZONE)
    today = now.astimezone(zone).date()
    end = at_local(today + timedelta(days=days), 0, zone)
    running = copy(sequence)
    running.status = RetentionSequence.Status.ACTIVE
    plan = Plan.load(running, now, end, bounds.leads)
    tally = Tally(zone, prices(now), plan.idle + len(plan.coming), entering=len(plan.coming))
    tally.leads += len(plan.open_ids)
    tally.blocked.update(plan.blocked)
    providers = ActiveProviders.load()
    lanes, fitting = Lanes(providers.rates(), now), Fitting(tracks=bool(providers.tracker))
    done = 0
    for size, runs in plan.runs():
        _play(Walk(running, plan.steps, now, end, lanes, fitting, tally, surroundings(_leads(runs), now)), runs)
        done += size
        if told:
            told(done, plan.total)
        if clock.monotonic() > deadline:
            break
    is_cut_off = plan.is_more or done < plan.total
    return tally.result(today, days) | {
        "computed_at": now.isoformat(),
        "is_cut_off": is_cut_off,
        "assumptions": forecast_words.assumptions(sequence, tally, providers.rates(), cut_off_at=done * is_cut_off),
    }


def check(sequence: RetentionSequence, days: int) -> None:
    """Raise CannotForecast where there is nothing to foresee."""
    if not 1 <= days <= MOST_DAYS:
        raise CannotForecast(f"A forecast is for 1 to {MOST_DAYS} days.")
    if sequence.status == RetentionSequence.Status.ARCHIVED:
        raise CannotForecast(f"{sequence} is archived; it contacts nobody any more.")
    if not sequence.live_steps().filter(is_active=True).exists():
        raise CannotForecast(f"{sequence} has no published step that is on; there is nothing to foresee.")


def _play(walk: Walk, runs: Sequence[Run]) -> None:
    for run in runs:
        walk.tally.contacted += bool(walk.run(run))


def _leads(runs: Sequence[Run]) -> list[Any]:
    return [run.lead for run in runs]
