"""The demo's leads: who they are, where they live, when they came."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from zoneinfo import ZoneInfo

from conversions.demo import words
from conversions.demo.chance import Dice, made_id, one_of, working_moment
from leads.models import Lead

OLD_SHARE = 0.55  # of the leads were there before the 90 days that the demo tells


@dataclass
class Person:
    lead: Lead
    zone: ZoneInfo


def invite(rng: Dice, count: int, now: datetime) -> list[Person]:
    """That many people with e-mail addresses and numbers of their own, oldest first."""
    numbers = _numbers(rng)
    arrivals = sorted(_arrival(rng, now) for _ in range(count))
    return [_person(rng, n, at, numbers, now) for n, at in enumerate(arrivals)]


def _arrival(rng: Dice, now: datetime) -> datetime:
    london = ZoneInfo("Europe/London")
    border = now - timedelta(days=92)
    if rng.random() < OLD_SHARE:
        return working_moment(rng, now - timedelta(days=190), border, london)
    return working_moment(rng, border, now - timedelta(minutes=20), london)


def _person(rng: Dice, n: int, at: datetime, numbers: Iterator[tuple[str, str | None]], now: datetime) -> Person:
    first, last = rng.choice(words.FIRST_NAMES), rng.choice(words.LAST_NAMES)
    source = one_of(rng, words.SOURCES)
    if source == "UPLOAD":
        at = import_before(at, now)
    zone: str = rng.choice(words.EUROPE)
    phone: str | None = None
    if rng.random() < 0.9:
        zone, phone = next(numbers, (zone, None))
    has_email = phone is None or rng.random() < 0.96
    lead = Lead(
        id=made_id(rng, at),
        external_id=f"N-{100_000 + n}" if source in {"API", "CRM"} else "",
        first_name=first,
        last_name=last if rng.random() < 0.97 else "",
        email=f"{first}.{last}{n}@{rng.choice(words.DOMAINS)}".lower() if has_email else None,
        phone=phone,
        source=source,
        time_zone="" if phone else zone,
        phone_zones=[zone] if phone else [],
        meta={"plan": rng.choice(words.PLANS)} if rng.random() < 0.8 else {},
        matched_at=at,
        created_at=at,
        updated_at=at,
    )
    return Person(lead, ZoneInfo(zone))


def _numbers(rng: Dice) -> Iterator[tuple[str, str | None]]:
    """(zone, number), each number once, America three times as often as Britain, until all are given away."""
    american = [
        (zone, f"+1{area}55501{n:02d}") for zone, areas in words.US_AREAS.items() for area in areas for n in range(100)
    ]
    british = [("Europe/London", f"+44{area}{n:03d}") for area in words.UK_AREAS for n in range(1000)]
    rng.shuffle(american)
    rng.shuffle(british)
    for turn in cycle((american, american, american, british)):
        if not (turn or american or british):
            return
        yield (turn or american or british).pop()


def import_times(now: datetime) -> list[datetime]:
    """When each of the files was imported."""
    return [
        (now - timedelta(days=days)).replace(hour=9, minute=20, second=0, microsecond=0)
        for _name, days in words.IMPORTS
    ]


def import_before(at: datetime, now: datetime) -> datetime:
    """Uploaded leads came with a file: the last import before they would have come by themselves."""
    times = import_times(now)
    return max((time for time in times if time <= at), default=times[0])
