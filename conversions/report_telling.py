"""The overview report in words and rows, each number with the door to its rows."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings

from conversions import drawing, telling
from conversions.causes import Cause
from conversions.doors import ACCEPTED, door
from conversions.periods import Period
from conversions.reports import Figures
from retention_center.lib.channels import Channel
from retention_center.pages import words

PRESETS = (7, 30, 90)


def headline(figures: Figures, period: Period) -> list[dict[str, Any]]:
    """Six figures, each against the period before."""
    attempts, money, leads = figures["attempts"], figures["conversions"], figures["leads"]
    before = attempts["before"]
    within = {"dateFrom": period.start, "dateTo": period.end}
    confirmed = door("conversions", standing="confirmed", **within)
    success = attempts["success_rate"]
    return [
        _against("Accepted", attempts, before, "accepted", door("attempts", status=ACCEPTED, **within)),
        telling.figure(
            "Success, of attempts",
            words.percent(success["numerator"], success["denominator"]) if success["rate"] is not None else "too few",
            door("attempts", status="SUCCESS", **within),
            f"{success['numerator']:,} of {success['denominator']:,}, {_before_rate(before['success_rate'])}",
        ),
        telling.figure(
            "Failed",
            attempts["failed"],
            door("attempts", status="FAILED,BOUNCED", **within),
            f"of {words.plural(attempts['total'], 'attempt')}, {before['failed']:,} before",
        ),
        _against("Conversions", money, money["before"], "confirmed", confirmed),
        _against(
            "Confirmed revenue",
            money,
            money["before"],
            "revenue",
            door("conversions", standing="confirmed", currency=settings.CURRENCY, **within),
            lambda value: words.money(value, settings.CURRENCY),
        ),
        _against(
            "New leads",
            {"created": leads["created"]},
            {"created": leads["created_before"]},
            "created",
            door("leads", createdFrom=period.start, createdTo=period.end),
        ),
    ]


def tables(figures: Figures, period: Period) -> dict[str, Any]:
    """The rows of the report's tables."""
    within = {"dateFrom": period.start, "dateTo": period.end}
    leads, by_status = figures["leads"], figures["attempts"]["by_status"]
    return {
        "channels": [
            row
            | {
                "total_cost": row["cost"].quantize(Decimal("0.01")),
                "label": Channel(row["channel"]).label,
                "all_href": door("attempts", channel=row["channel"], **within),
                "accepted_href": door("attempts", channel=row["channel"], status=ACCEPTED, **within),
                "failed_href": door("attempts", channel=row["channel"], status="FAILED,BOUNCED", **within),
            }
            for row in figures["attempts"]["by_channel"]
        ],
        "statuses": [
            {"status": status, "count": count, "href": door("attempts", status=status, **within)}
            for status, count in by_status.items()
        ],
        "lead_statuses": [
            {"status": status, "count": count, "href": door("leads", status=status)}
            for status, count in leads["by_status"].items()
        ],
        "lead_sources": [
            {"source": source, "count": count, "href": door("leads", source=source)}
            for source, count in leads["by_source"].items()
        ],
        "reasons": telling.reason_rows(
            [Cause(row["kind"], row["reason"], Counter(row["by_channel"])) for row in figures["reasons"]],
            period.start,
            period.end,
        ),
    }


def charts(figures: Figures, period: Period) -> dict[str, Any]:
    by_day = {
        str(channel): {row["date"]: row["accepted"][channel] for row in figures["attempts"]["by_day"]}
        for channel in Channel.values
    }
    today = figures["as_of"].astimezone(period.zone).date()
    money = figures["conversions"]
    return {
        "sends": drawing.sends_chart(period, by_day, today=today),
        "revenue": drawing.revenue_chart(period, money["by_day"], money["before_by_day"]),
    }


def _against(
    label: str,
    this: Figures,
    before: Figures,
    name: str,
    href: str,
    say: Callable[[Any], str] = words.number,
) -> dict[str, Any]:
    more = telling.difference(this[name] - before[name], say)
    return telling.figure(label, say(this[name]), href, *more)


def _before_rate(rate: Figures) -> str:
    return (
        "too few before" if rate["rate"] is None else f"{words.percent(rate['numerator'], rate['denominator'])} before"
    )
