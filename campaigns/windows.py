"""When contact is allowed: local hours and days, in one zone or in several at once. Pure."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_CODES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
FARTHEST_DAYS = 400  # a year of holidays and some: beyond it a window is called closed for good
JOINT_STEPS = 60


@dataclass(frozen=True, slots=True)
class Rules:
    """A contact policy as the strictest of all that apply. ``hours`` are (start, end) minutes of the local day."""

    hours: tuple[tuple[int, int], ...] = ((8 * 60, 21 * 60),)
    days: frozenset[str] = frozenset(DAY_CODES)
    cap: int = 3
    gap: timedelta = timedelta(0)
    late_after: timedelta = timedelta(hours=24)
    holidays: frozenset[date] = field(default_factory=frozenset)


@lru_cache(maxsize=8192)
def next_opening(rules: Rules, zones: tuple[str, ...], moment: datetime) -> datetime | None:
    """The first instant, ``moment`` itself if allowed, when every hour rule is open in every zone.

    None when there is no such instant: the zones' windows never meet, or no day is left.
    """
    instant = moment
    for _ in range(JOINT_STEPS):
        later = instant
        for zone in zones:
            for hours in rules.hours:
                opening = _opening(rules, hours, zone, later)
                if opening is None:
                    return None
                later = opening
        if later == instant:
            return instant
        instant = later
    return None


def _opening(rules: Rules, hours: tuple[int, int], zone: str, moment: datetime) -> datetime | None:
    """The first instant at or after ``moment`` inside one window of one zone."""
    local_zone = ZoneInfo(zone)
    today = moment.astimezone(local_zone).date()
    # Yesterday's window may wrap over midnight into today
    for offset in range(-1, FARTHEST_DAYS):
        day = today + timedelta(days=offset)
        if DAY_CODES[day.weekday()] not in rules.days or day in rules.holidays:
            continue
        start, end = hours
        opens = at_local(day, start, local_zone)
        closes = at_local(day, end if end > start else end + 24 * 60, local_zone)
        if moment < closes:
            candidate = max(moment, opens)
            # After the window opened, the clock may have been turned back to before its start: it opens again
            turned_back = candidate.astimezone(local_zone).replace(tzinfo=None) < _wall_clock(day, start)
            return at_local(day, start, local_zone, fold=1) if turned_back else candidate
    return None


def at_local(day: date, minutes: int, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The instant when clocks in ``zone`` show that minute of that day (it may lie past midnight).

    A time that a clock change skips becomes the end of the gap; of one that comes twice, ``fold`` says which.
    """
    local = _wall_clock(day, minutes).replace(tzinfo=zone, fold=fold)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _end_of_gap(local.replace(fold=1).astimezone(UTC), instant, zone)


def _wall_clock(day: date, minutes: int) -> datetime:
    return datetime.combine(day + timedelta(days=minutes // (24 * 60)), time(minutes // 60 % 24, minutes % 60))


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant, to the second, at which the zone's clock jumps; it lies between the two."""
    new_offset = after.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == new_offset:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)


def why_closed(rules: Rules, zone: str, moment: datetime) -> str:
    """Which rule closes the window at ``moment``: 'holiday', 'contact_day' or 'quiet_hours'."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    if day in rules.holidays:
        return "holiday"
    return "contact_day" if DAY_CODES[day.weekday()] not in rules.days else "quiet_hours"


def minutes_of(clock: str) -> int:
    """'08:30' as minutes of the day; '24:00' is 1440."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
