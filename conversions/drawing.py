"""The charts of the dashboard and the report, from their figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import ceil
from typing import Any

from django.conf import settings

from conversions.doors import ACCEPTED, door
from conversions.periods import Period
from retention_center.lib.channels import Channel
from retention_center.pages import words
from retention_center.pages.charts import CHANNEL_INKS, Chart, Series, compared, stacked

LABELS_DRAWN = 14  # more bars than that have a label only here and there
DAYS_DRAWN = 31  # longer periods are drawn in weeks


@dataclass(frozen=True)
class Bucket:
    """One bar: its label and its days."""

    label: str
    days: list[date]

    def span(self, period: Period) -> tuple[datetime, datetime]:
        one = Period(self.days[0], self.days[-1], period.zone)
        return one.start, one.end


def buckets(period: Period, *, today: date | None = None, weekdays: bool = False) -> list[Bucket]:
    """A bar per day, or per week where the period is long. Labels name the month where it changes."""
    days = period.days
    size = 1 if period.length <= DAYS_DRAWN else 7
    parts = [days[start : start + size] for start in range(0, len(days), size)]
    if weekdays and size == 1:
        return [Bucket(_weekday(part[0], parts), part) for part in parts]
    drawn_every = ceil(len(parts) / LABELS_DRAWN)
    labels, month = [], 0
    for n, part in enumerate(parts):
        is_news = n % drawn_every == 0 and part[0].month != month
        month = part[0].month if is_news else month
        labels.append("today" if part[0] == today else f"{part[0].day} {part[0]:%b}" if is_news else str(part[0].day))
    return [Bucket(label, part) for label, part in zip(labels, parts, strict=True)]


def _weekday(day: date, parts: Sequence[Sequence[date]]) -> str:
    """ "Mon 16" at the ends, "Tue" between them."""
    return f"{day:%a} {day.day}" if day in (parts[0][0], parts[-1][0]) else f"{day:%a}"


def sends_chart(period: Period, by_channel: Mapping[str, Mapping[date, int]], *, today: date) -> Chart:
    """Contacts which a provider took, stacked by channel; every bar opens its attempts."""
    bars = buckets(period, today=today)
    series = [
        Series(
            Channel(channel).label,
            CHANNEL_INKS[Channel(channel)],
            [_sum(by_channel[channel], bar.days) for bar in bars],
        )
        for channel in Channel.values
    ]
    totals = ", ".join(f"{one.name} {words.number(sum(one.values))}" for one in series)
    return stacked(
        "Sends by channel",
        [bar.label for bar in bars],
        series,
        summary=f"{period.in_words}: {totals}.",
        hrefs=_hrefs(period, bars, lambda start, end: door("attempts", status=ACCEPTED, dateFrom=start, dateTo=end)),
        now=next((n for n, bar in enumerate(bars) if bar.label == "today"), None),
    )


def revenue_chart(period: Period, this: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> Chart:
    """Confirmed revenue, with a tick for the same place in the period before."""
    bars = buckets(period, weekdays=period.length <= 7)
    earlier = buckets(period.before)
    values, past = _money(this, bars), _money(before, earlier)
    names = (f"{period.in_words}, {amount(sum(values))}", f"{period.before.in_words}, {amount(sum(past))}")
    return compared(
        "Confirmed revenue",
        [bar.label for bar in bars],
        [float(value) for value in values],
        [float(value) for value in past],
        names=names,
        summary=f"{names[0]}; {names[1]}.",
        say=amount,
        hrefs=_hrefs(
            period, bars, lambda start, end: door("conversions", standing="confirmed", dateFrom=start, dateTo=end)
        ),
    )


def amount(value: float | Decimal) -> str:
    """Money of the reporting currency without idle cents: "$2,000"."""
    return words.money(value, settings.CURRENCY).replace(".00", "")


def _hrefs(period: Period, bars: Sequence[Bucket], to: Callable[[datetime, datetime], str]) -> list[str]:
    return [to(*bar.span(period)) for bar in bars]


def _sum(counts: Mapping[date, int], days: Sequence[date]) -> int:
    return sum(counts.get(day, 0) for day in days)


def _money(rows: Sequence[Mapping[str, Any]], bars: Sequence[Bucket]) -> list[Decimal]:
    by_day = {row["date"]: row["revenue"] for row in rows}
    return [sum((by_day[day] for day in bar.days), Decimal(0)) for bar in bars]
