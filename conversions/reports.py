"""The overview report: what was sent and what came of it, for a period against the one before."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from campaigns.models import ContactAttempt
from conversions import causes
from conversions.models import Conversion
from conversions.periods import Period
from integrations.providers.registry import SANDBOX
from leads.models import Lead
from retention_center.lib.channels import Channel
from retention_center.pages.words import TOO_FEW
from sequences.processor import OVERDUE_AFTER

CACHE_SECONDS = 60
CENT = Decimal("0.0001")
Status = ContactAttempt.Status
Figures = dict[str, Any]


def overview(date_from: date, date_to: date, *, now: datetime) -> Figures:
    """The figures of the days ``date_from`` to ``date_to`` (organisation's zone), at most 60 s old.

    A constant number of grouped queries, whatever the rows; the next calls within 60 s cost one look into the cache.
    """
    key = f"overview:{date_from}:{date_to}"
    if (kept := cache.get(key)) is not None:
        return kept
    figures = _overview(Period(date_from, date_to, ZoneInfo(settings.TIME_ZONE)), now)
    cache.set(key, figures, CACHE_SECONDS)
    return figures


def _overview(period: Period, now: datetime) -> Figures:
    return {
        "date_from": period.first,
        "date_to": period.last,
        "time_zone": period.zone.key,
        "as_of": now,
        "currency": settings.CURRENCY,
        "leads": _leads(period),
        "attempts": _attempts(period),
        "conversions": _conversions(period),
        "due": _due(now, period.zone),
        "reasons": [cause.as_figures() for cause in causes.of_period(period.start, period.end)],
    }


def rate(part: int, whole: int) -> Figures:
    """A share with what it is made of; below 30 observations it says so and gives no figure."""
    is_few = whole < TOO_FEW
    share = None if is_few else round(part / whole, 4)
    return {"numerator": part, "denominator": whole, "rate": share, "too_few_to_judge": is_few}


# Leads ------------------------------------------------------------------------------------------------------------


def _leads(period: Period) -> Figures:
    present = Lead.objects.present()
    by_status, by_source = dict.fromkeys(map(str, Lead.Status.values), 0), Counter[str]()
    for status, source, count in present.order_by().values_list("status", "source").annotate(Count("pk")):
        by_status[status] += count
        by_source[source] += count
    made = present.filter(created_at__gte=period.before.start, created_at__lt=period.end).aggregate(
        created=Count("pk", filter=Q(created_at__gte=period.start)), both=Count("pk")
    )
    return {
        "total": sum(by_status.values()),
        "by_status": by_status,
        "by_source": dict(by_source.most_common()),
        "created": made["created"],
        "created_before": made["both"] - made["created"],
    }


# Attempts ---------------------------------------------------------------------------------------------------------


def _within(attempts: QuerySet[ContactAttempt], period: Period) -> QuerySet[ContactAttempt]:
    return attempts.filter(started_at__gte=period.start, started_at__lt=period.end)


def _attempts(period: Period) -> Figures:
    day = TruncDate("started_at", tzinfo=period.zone)
    keys = ("day", "channel", "status", "currency")
    grouped = _within(ContactAttempt.objects.all(), period).annotate(day=day).order_by().values(*keys)
    rows = list(
        grouped.annotate(
            count=Count("pk"),
            pretended=Count("pk", filter=Q(provider=SANDBOX)),
            seconds=Sum("duration"),
            timed=Count("duration"),
            spent=Sum("cost"),
            costed=Count("cost"),
        )
    )
    before: Any = (
        _within(ContactAttempt.objects.all(), period.before).order_by().values("status").annotate(count=Count("pk"))
    )
    channels = [_channel(channel, [row for row in rows if row["channel"] == channel]) for channel in Channel.values]
    return {
        **_totals(rows),
        "before": _totals(before),
        "by_status": _by_status(rows),
        "by_channel": channels,
        "by_day": _by_day(rows, period),
        "pretended": sum(row["pretended"] for row in rows if row["status"] in ContactAttempt.ACCEPTED),
        "other_costs": _other_costs(rows),
    }


def _totals(rows: Iterable[Figures]) -> Figures:
    counts = _by_status(rows)
    total = sum(counts.values())
    return {
        "total": total,
        "accepted": sum(counts[status] for status in ContactAttempt.ACCEPTED),
        "failed": counts[Status.FAILED] + counts[Status.BOUNCED],
        "unknown": counts[Status.UNKNOWN],
        "delivery_rate": rate(counts[Status.DELIVERED] + counts[Status.SUCCESS], total),
        "success_rate": rate(counts[Status.SUCCESS], total),
    }


def _by_status(rows: Iterable[Figures]) -> dict[str, int]:
    counts = dict.fromkeys(map(str, Status.values), 0)
    for row in rows:
        counts[row["status"]] += row["count"]
    return counts


def _channel(channel: str, rows: list[Figures]) -> Figures:
    """One channel. Durations are seconds; cost is in the reporting currency, others stand apart."""
    seconds, timed = sum(row["seconds"] or 0 for row in rows), sum(row["timed"] for row in rows)
    ours = [row for row in rows if row["currency"] == settings.CURRENCY]
    cost, costed = _sum(row["spent"] for row in ours), sum(row["costed"] for row in ours)
    return {
        "channel": channel,
        **_totals(rows),
        "by_status": _by_status(rows),
        "average_duration": round(seconds / timed, 1) if timed else None,
        "cost": cost,
        "average_cost": (cost / costed).quantize(CENT) if costed else None,
    }


def _by_day(rows: list[Figures], period: Period) -> list[Figures]:
    """Each day: attempts which a provider took, by channel, and all there were."""
    accepted: dict[tuple[date, str], int] = defaultdict(int)
    totals: dict[date, int] = defaultdict(int)
    for row in rows:
        totals[row["day"]] += row["count"]
        if row["status"] in ContactAttempt.ACCEPTED:
            accepted[row["day"], row["channel"]] += row["count"]
    return [
        {
            "date": day,
            "total": totals[day],
            "accepted": {str(channel): accepted[day, channel] for channel in Channel.values},
        }
        for day in period.days
    ]


def _other_costs(rows: list[Figures]) -> list[Figures]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["spent"] is not None and row["currency"] != settings.CURRENCY:
            sums[row["currency"]] += row["spent"]
    return [{"currency": currency, "cost": sums[currency].quantize(CENT)} for currency in sorted(sums)]


# Conversions ------------------------------------------------------------------------------------------------------


def _conversions(period: Period) -> Figures:
    rows = conversions_by_day(period)
    standings = dict.fromkeys(map(str, Conversion.Standing.values), 0)
    for row in rows:
        if row["day"] >= period.first:
            standings[row["standing"]] += row["count"]
    confirmed = [row for row in rows if row["standing"] == Conversion.Standing.CONFIRMED]
    return {
        **money_of(confirmed, period),
        "before": money_of(confirmed, period.before),
        **{name: standings[name] for name in ("pending", "rejected")},
        "by_day": money_by_day(confirmed, period),
        "before_by_day": money_by_day(confirmed, period.before),
    }


def conversions_by_day(period: Period) -> list[Figures]:
    """By day, standing and currency, for the period and the one before; one query."""
    within = Conversion.objects.filter(created_at__gte=period.before.start, created_at__lt=period.end)
    day = TruncDate("created_at", tzinfo=period.zone)
    grouped: Any = within.annotate(day=day).order_by().values("day", "standing", "currency")
    return list(grouped.annotate(count=Count("pk"), revenue=Sum("revenue")))


def money_of(confirmed: list[Figures], period: Period) -> Figures:
    """How many confirmed conversions, and their revenue in the reporting currency; other currencies apart."""
    rows = [row for row in confirmed if period.first <= row["day"] <= period.last]
    others: dict[str, list[Figures]] = defaultdict(list)
    for row in rows:
        if row["currency"] != settings.CURRENCY:
            others[row["currency"]].append(row)
    return {
        "confirmed": sum(row["count"] for row in rows),
        "revenue": _sum(row["revenue"] for row in rows if row["currency"] == settings.CURRENCY),
        "other_currencies": [
            {
                "currency": currency,
                "count": sum(row["count"] for row in others[currency]),
                "revenue": _sum(row["revenue"] for row in others[currency]),
            }
            for currency in sorted(others)
        ],
    }


def money_by_day(confirmed: list[Figures], period: Period) -> list[Figures]:
    """Each day of the period: confirmed conversions, and their revenue in the reporting currency."""
    counts: dict[date, int] = defaultdict(int)
    sums: dict[date, list[Decimal]] = defaultdict(list)
    for row in confirmed:
        counts[row["day"]] += row["count"]
        if row["currency"] == settings.CURRENCY:
            sums[row["day"]].append(row["revenue"])
    return [{"date": day, "count": counts[day], "revenue": _sum(sums[day])} for day in period.days]


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    """To four decimals: SQLite adds up in binary fractions, and the noise must not reach anybody."""
    return sum((amount for amount in amounts if amount is not None), Decimal(0)).quantize(CENT)


# What is due ------------------------------------------------------------------------------------------------------


def _due(now: datetime, zone: ZoneInfo) -> Figures:
    today = Period.ending(now.astimezone(zone).date(), 1, zone)
    waiting = causes.waiting(now, today.end, OVERDUE_AFTER)
    return {
        "today": sum(row["due"] for row in waiting),
        "overdue": sum(row["overdue"] for row in waiting),
        "held": sum(row["count"] for row in waiting if row["held_reason"]),
        "in_flight": sum(row["count"] for row in waiting if row["status"] == "PENDING"),
    }
