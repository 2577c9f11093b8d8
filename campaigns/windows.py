"""When contact is allowed: local hours and days, in one zone or in several at once. Pure.

Open or closed is what clocks in the zone show at the real instant, so a change of clocks needs no rule of its own:
an hour that is skipped is never open, one that comes twice is open twice.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_CODES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FARTHEST = timedelta(days=400)  # a year of holidays and some: beyond it a window is called closed for good
A_WEEK = timedelta(days=8)  # after which hours and days have met, if they ever do
MINUTE = timedelta(minutes=1)
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Rules:
    """A contact policy as the strictest of all that apply.

    ``hours`` are (start, end) minutes of the local day, all of which must be open; an end at or before its start
    wraps over midnight, and the night belongs to the day it began on. ``channel_cap`` counts one channel's contacts.
    """

    hours: tuple[tuple[int, int], ...] = ((8 * 60, 21 * 60),)
    days: frozenset[str] = frozenset(DAY_CODES)
    cap: int = 3
    gap: timedelta = timedelta(0)
    late_after: timedelta = timedelta(hours=24)
    holidays: frozenset[date] = field(default_factory=frozenset)
    channel_cap: int | None = None


@lru_cache(maxsize=8192)
def next_opening(
    rules: Rules, zones: tuple[str, ...], moment: datetime, within: timedelta = FARTHEST
) -> datetime | None:
    """The first instant, ``moment`` itself if allowed, when every hour rule is open in every zone.

    None when there is no such instant: the zones' windows never meet, or no day is left.
    """
    instant, last = moment, moment + within
    while instant <= last:
        later: datetime | None = instant
        for zone in zones:
            later = _opening(rules, zone, later) if later else None
        if later is None or later == instant:
            return later
        instant = later
    return None


@lru_cache(maxsize=2048)
def do_meet(rules: Rules, zones: tuple[str, ...], day: date) -> bool:
    """Whether there are hours, in an ordinary week from ``day`` on, that are open in all the zones at once."""
    ordinary = Rules(hours=rules.hours, days=rules.days)
    return next_opening(ordinary, zones, datetime.combine(day, time(), UTC), A_WEEK) is not None


@lru_cache(maxsize=8192)
def open_for(rules: Rules, zones: tuple[str, ...], opening: datetime, at_most: timedelta) -> timedelta:
    """How long the window stays open from ``opening`` on, in whole minutes, looked at no further than ``at_most``."""
    passed = timedelta(0)
    while passed < at_most and is_open(rules, zones, opening + passed):
        passed += MINUTE
    return passed


def is_open(rules: Rules, zones: tuple[str, ...], moment: datetime) -> bool:
    return not why_closed(rules, zones, moment)


def why_closed(rules: Rules, zones: tuple[str, ...], moment: datetime) -> str:
    """Which rule closes the window at ``moment``: 'holiday', 'contact_day' or 'quiet_hours'; '' if it is open."""
    for zone in zones:
        if closed := _closed_by(rules, moment.astimezone(ZoneInfo(zone))):
            return closed
    return ""


def _closed_by(rules: Rules, local: datetime) -> str:
    """The same, for what a clock shows."""
    day, minute = local.date(), local.hour * 60 + local.minute
    if day in rules.holidays:
        return "holiday"
    if DAY_CODES[contact_day(rules, local).weekday()] not in rules.days:
        return "contact_day"
    for start, end in rules.hours:
        inside = start <= minute < end if start < end else minute >= start or minute < end
        if not inside:
            return "quiet_hours"
    return ""


def contact_day(rules: Rules, local: datetime) -> date:
    """The day which what a clock shows belongs to: after midnight, a night that wraps is still the day before's."""
    minute = local.hour * 60 + local.minute
    is_night = any(end <= start and minute < end for start, end in rules.hours)
    return local.date() - timedelta(days=1) if is_night else local.date()


def _opening(rules: Rules, zone: str, moment: datetime) -> datetime | None:
    """The first instant at or after ``moment`` at which the window is open in one zone."""
    instant = moment.astimezone(UTC)
    while True:  # once for each change of clocks that is met while it is closed
        local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if not _closed_by(rules, local):
            return instant
        opens = _next_open_minute(rules, local)
        if opens is None:
            return None
        reached = instant + (opens - local)
        changed = next((change for change in _changes_until(zone, instant, reached)), None)
        if changed is None:
            return reached
        instant = changed


def _next_open_minute(rules: Rules, local: datetime) -> datetime | None:
    """When a clock that nobody changes next shows an open minute, after ``local``."""
    midnight = datetime.combine(local.date(), time())
    marks = _marks(rules.hours)
    for days in range(FARTHEST.days):
        for minute in marks:
            shown = midnight + timedelta(days=days, minutes=minute)
            if shown > local and not _closed_by(rules, shown):
                return shown
    return None


@lru_cache(maxsize=1024)
def _marks(hours: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """The minutes of a day at which something may open."""
    return tuple(sorted({0, *(minute % MINUTES_A_DAY for window in hours for minute in window)}))


def _changes_until(zone: str, after: datetime, until: datetime) -> list[datetime]:
    """When clocks change later than ``after`` and not later than ``until``, which are in UTC."""
    years = range(after.year, until.year + 1)
    return [change for year in years for change in changes_of_clocks(zone, year) if after < change <= until]


@lru_cache(maxsize=4096)
def changes_of_clocks(zone: str, year: int) -> tuple[datetime, ...]:
    """The instants of the year (UTC) from which clocks in the zone are ahead or behind by another amount."""
    local_zone = ZoneInfo(zone)
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    # No zone changes its clocks there and back within a week
    weeks = [*(first + timedelta(weeks=number) for number in range(53)), last]
    ahead = [week.astimezone(local_zone).utcoffset() for week in weeks]
    return tuple(
        _change_between(weeks[number], weeks[number + 1], local_zone)
        for number in range(53)
        if ahead[number] != ahead[number + 1]
    )


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant, to the second, at which the zone's clock changes; it lies between the two."""
    new_offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == new_offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


def at_local(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The instant when clocks in ``zone`` show that minute of that day (it may lie past midnight).

    A time that a clock change skips becomes the end of the gap; of one that comes twice it is the first.
    """
    local = _wall_clock(day, minutes).replace(tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _change_between(local.replace(fold=1).astimezone(UTC), instant, zone)


def _wall_clock(day: date, minutes: int) -> datetime:
    return datetime.combine(day + timedelta(days=minutes // MINUTES_A_DAY), time(minutes // 60 % 24, minutes % 60))


def minutes_of(clock: str) -> int:
    """'08:30' as minutes of the day; '24:00' is 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
