"""Every change of clocks from 2025 to 2030, of every zone there is: what tests about local times run through.

Zones whose clocks agree all those years count once. The changes are found by looking at each day, apart from how
the product finds them.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

DAYS = [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(6 * 365 + 2)]


@dataclass(frozen=True, slots=True)
class Change:
    """At ``at``, clocks in the zone go from one offset to another."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def gap(self) -> timedelta:
        """How much local time is skipped; negative when it comes twice."""
        return self.after - self.before


def _ahead(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def changes_of(name: str) -> list[Change]:
    zone = ZoneInfo(name)
    found = []
    ahead = [_ahead(zone, day) for day in DAYS[::7]]
    for week, (before, after) in enumerate(itertools.pairwise(ahead)):
        if before != after:
            found.append(Change(name, _between(zone, DAYS[7 * week], DAYS[7 * week + 7], before), before, after))
    return found


def _between(zone: ZoneInfo, low: datetime, high: datetime, before: timedelta) -> datetime:
    for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)):
        while low + unit < high and _ahead(zone, low + unit) == before:
            low += unit
        high = min(high, low + unit)
    return high


def _every() -> list[Change]:
    once: dict[tuple[object, ...], list[Change]] = {}
    for name in sorted(available_timezones()):
        changes = changes_of(name)
        once.setdefault(tuple((one.at, one.before, one.after) for one in changes), changes)
    return [change for changes in once.values() for change in changes]


CHANGES = _every()
