"""Spans of whole days in one zone, and the span of the same length before."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONGEST_DAYS = 366
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # no weeks, no ordinal days, which Python would read too
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class BadPeriod(ValueError):
    """A period nobody can report on; ``field`` names the wrong end, the text says what to give."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Period:
    """The days ``first`` to ``last``, both included, as ``zone`` counts them."""

    first: date
    last: date
    zone: ZoneInfo

    @classmethod
    def ending(cls, last: date, days: int, zone: ZoneInfo) -> "Period":
        return cls(last - timedelta(days=days - 1), last, zone)

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment after the period."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def length(self) -> int:
        """In days."""
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.length)]

    @property
    def before(self) -> "Period":
        """As many days, ending the day before this one begins."""
        return Period.ending(self.first - timedelta(days=1), self.length, self.zone)

    @property
    def in_words(self) -> str:
        """ "16 to 22 Feb 2026"."""
        if self.first == self.last:
            return f"{self.last.day} {self.last:%b %Y}"
        start = f"{self.first.day}"
        if (self.first.month, self.first.year) != (self.last.month, self.last.year):
            start += f" {self.first:%b}"
        if self.first.year != self.last.year:
            start += f" {self.first.year}"
        return f"{start} to {self.last.day} {self.last:%b %Y}"


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When the day begins in the zone."""
    return datetime.combine(day, time(), zone)


def period_of(date_from: str, date_to: str, *, today: date, zone: ZoneInfo, days: int = 30) -> Period:
    """The period somebody asked for, blank ends filled in: up to today, ``days`` long. Raises BadPeriod."""
    last = _day("dateTo", date_to) or max(today, _day("dateFrom", date_from) or today)
    first = _day("dateFrom", date_from) or last - timedelta(days=days - 1)
    if first > last:
        raise BadPeriod("dateFrom", "The first day must not come after the last.")
    if (last - first).days >= LONGEST_DAYS:
        raise BadPeriod("dateFrom", f"A report covers at most {LONGEST_DAYS} days; choose a shorter period.")
    return Period(first, last, zone)


def _day(field: str, text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip()) if _DAY.fullmatch(text.strip()) else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= LATEST:
        raise BadPeriod(field, "Give a day as YYYY-MM-DD, such as 2026-01-31.")
    return day
