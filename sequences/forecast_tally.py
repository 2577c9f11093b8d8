"""What a forecast adds up to: contacts by day and channel, their cost, and why the others do not leave."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count

from campaigns.models import ContactAttempt
from integrations.providers.registry import SANDBOX
from retention_center.lib.channels import Channel

COSTS_LOOK_BACK = timedelta(days=90)
PLACES = Decimal("0.0001")
Price = tuple[str, Decimal]  # currency and amount of one contact


def prices(now: datetime) -> dict[tuple[str, str], Price]:
    """What a contact has cost on average, by (provider, channel), in the currency it is mostly paid in."""
    paid = ContactAttempt.objects.filter(started_at__gt=now - COSTS_LOOK_BACK, cost__isnull=False)
    rows = paid.order_by().values_list("provider", "channel", "currency").annotate(Avg("cost"), n=Count("pk"))
    found: dict[tuple[str, str], Price] = {}
    for provider, channel, currency, average, _n in sorted(rows, key=lambda row: (row[4], row[2])):
        found[provider, channel] = (currency, Decimal(average))
    return found


@dataclass
class Day:
    by_channel: Counter[str] = field(default_factory=Counter)
    by_price: Counter[tuple[str, str]] = field(default_factory=Counter)  # contacts by (provider, channel)


@dataclass
class Tally:
    """Counts of one forecast. ``zone`` is the organisation's: its days are the forecast's.

    ``leads``: who is in it or enters. ``held``: steps which wait and then go on by themselves; ``blocked``: steps which
    wait until somebody acts; ``skipped``: steps left out; ``ended``: runs that are stopped; all by reason.
    """

    zone: ZoneInfo
    prices: Mapping[tuple[str, str], Price]
    leads: int = 0
    contacted: int = 0
    completes: int = 0
    entering: int = 0
    held: Counter[str] = field(default_factory=Counter)
    blocked: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    days: dict[date, Day] = field(default_factory=lambda: defaultdict(Day))

    def contact(self, at: datetime, channel: str, provider: str) -> None:
        day = self.days[at.astimezone(self.zone).date()]
        day.by_channel[channel] += 1
        day.by_price[provider, channel] += 1

    def result(self, first: date, days: int) -> dict[str, Any]:
        """Plain values, as the job keeps them: ``totals`` and a row for every day, empty ones too."""
        dates = [first + timedelta(days=n) for n in range(days)]
        rows = [self._told(self.days.get(day, Day())) | {"date": day.isoformat()} for day in dates]
        whole = Day()
        for day in self.days.values():
            whole.by_channel.update(day.by_channel)
            whole.by_price.update(day.by_price)
        totals = self._told(whole) | {
            "leads": self.leads,
            "entering": self.entering,
            "contacted": self.contacted,
            "completes": self.completes,
            "held": _most_first(self.held),
            "blocked": _most_first(self.blocked),
            "skipped": _most_first(self.skipped),
            "ended": _most_first(self.ended),
        }
        return {"totals": totals, "days": rows}

    def used(self) -> list[tuple[str, str]]:
        """(provider, channel) of all contacts."""
        return sorted({key for day in self.days.values() for key in day.by_price})

    def unpriced(self) -> list[tuple[str, str]]:
        """Those of them that nobody knows the cost of."""
        return [key for key in self.used() if self._price(key) is None]

    def is_priced(self, key: tuple[str, str]) -> bool:
        """Whether past contacts say what it costs."""
        return key in self.prices

    def _told(self, day: Day) -> dict[str, Any]:
        cost: dict[str, Decimal] = defaultdict(Decimal)
        unknown = 0
        for key, count in day.by_price.items():
            price = self._price(key)
            if price is None:
                unknown += count
            elif price[1]:
                cost[price[0]] += price[1] * count
        return {
            "contacts": day.by_channel.total(),
            "by_channel": {name: day.by_channel[name] for name in Channel.values if day.by_channel[name]},
            "cost": {currency: str(amount.quantize(PLACES)) for currency, amount in sorted(cost.items())},
            "unknown_cost": unknown,
        }

    def _price(self, key: tuple[str, str]) -> Price | None:
        return self.prices.get(key) or (("", Decimal(0)) if key[0] == SANDBOX else None)


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return {str(reason): count for reason, count in counts.most_common()}
