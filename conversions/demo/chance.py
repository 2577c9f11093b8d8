"""Dice and calendars: everything random comes from one seeded source, every time is inside somebody's day."""

import random  # noqa: TID251 - a demo must be the same on every run
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.windows import Rules, next_opening
from retention_center.lib.ids import ALPHABET

SEED = 7
HOURS = range(8, 21)  # of the contact policy as it comes
HOUR_WEIGHTS = (2, 5, 9, 10, 8, 5, 6, 8, 9, 8, 6, 4, 2)
WEEKDAY_WEIGHTS = (10, 11, 11, 10, 7, 3, 2)  # Monday first
SPARE = timedelta(minutes=4)  # a round takes time: nothing is planned into the window's last minutes


class Dice(random.Random):
    """The one source of everything random in the demo."""


def made_id(rng: Dice, at: datetime) -> str:
    """An id as `retention_center.lib.ids` makes them, dated ``at`` and the same on every run."""
    value = int(at.timestamp() * 1000) << 80 | rng.getrandbits(80)
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))


def one_of[T](rng: Dice, choices: Sequence[tuple[T, float]]) -> T:
    """One of (what, weight) by weight."""
    point = rng.random() * sum(weight for _what, weight in choices)
    for what, weight in choices:
        point -= weight
        if point < 0:
            return what
    return choices[-1][0]


def working_moment(rng: Dice, start: datetime, end: datetime, zone: ZoneInfo) -> datetime:
    """A moment between the two, mostly on weekdays and in office hours of the zone."""
    days = max((end - start).days, 1)
    for _try in range(12):
        day = (start + timedelta(days=rng.randrange(days + 1))).astimezone(zone).date()
        if rng.random() * max(WEEKDAY_WEIGHTS) < WEEKDAY_WEIGHTS[day.weekday()]:
            at = moment_of(rng, day, zone)
            if start <= at < end:
                return at
    return start + (end - start) * rng.random()


def moment_of(rng: Dice, day: date, zone: ZoneInfo) -> datetime:
    """Some moment of that local day inside the contact window, busiest before noon and in the afternoon."""
    hour = rng.choices(HOURS, HOUR_WEIGHTS)[0]
    local = datetime.combine(day, time(hour, rng.randrange(55), rng.randrange(60)), zone)
    return local.astimezone(UTC)


def into_window(rng: Dice, rules: Rules, at: datetime, zone: str) -> datetime:
    """The first moment from ``at`` on at which the rules let this zone be contacted, a round's length included."""
    opening = next_opening(rules, (zone,), at) or at
    if next_opening(rules, (zone,), opening + SPARE) != opening + SPARE:
        opening = next_opening(rules, (zone,), opening + SPARE) or opening
    return opening if opening == at else opening + timedelta(seconds=rng.randrange(150))


def tomorrow(rng: Dice, rules: Rules, at: datetime, zone: str) -> datetime:
    """When the window opens on the local day after ``at``."""
    day = at.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    return into_window(rng, rules, datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC), zone)
