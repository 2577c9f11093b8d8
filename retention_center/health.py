"""Signs of life: what the processor did last, and whether staff can trust that it runs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet, Subquery
from django.utils.module_loading import import_string

from retention_center.lib import clock
from retention_center.models import Heartbeat

PROCESSOR = "processor"
QUIET = timedelta(minutes=3)  # two ticks and a half: the schedule's own lateness is no alarm
KEPT = timedelta(days=2)


@dataclass(frozen=True)
class ProcessorState:
    """The processor light: ``tone`` is good, hold (something overdue) or bad (it does not run)."""

    last_seen: datetime | None
    overdue: int
    tone: str
    sentence: str


_BEAT = """ -- every column but the id, in the model's order
    INSERT INTO retention_center_heartbeat (name, minute, at, rounds, sent, seconds, last)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (name, minute) DO UPDATE SET
        at = excluded.at, seconds = excluded.seconds, last = excluded.last,
        rounds = retention_center_heartbeat.rounds + 1, sent = retention_center_heartbeat.sent + excluded.sent
"""


def beat(name: str, *, sent: int, seconds: float, last: dict[str, Any]) -> None:
    """Record that a loop ran just now, on the real clock; one statement, since idle rounds do it too."""
    at = clock.now()
    minute = at.replace(second=0, microsecond=0)
    row = Heartbeat(name=name, minute=minute, at=at, rounds=1, sent=sent, seconds=seconds, last=last)
    fields = [field for field in Heartbeat._meta.concrete_fields if not field.primary_key]
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields])


def processor_state(now: datetime, overdue: int | None = None) -> ProcessorState:
    """Of the last beat, and of how much is ``overdue``: settings.OVERDUE counts it unless the caller did."""
    beat = last_beat().first()
    overdue = import_string(settings.OVERDUE)(now) if overdue is None else overdue
    return light(now, beat.at if beat else None, overdue)


def light(now: datetime, ran_at: datetime | None, overdue: int) -> ProcessorState:
    """The processor light of a processor that last ran at ``ran_at`` (empty: never)."""
    if ran_at is None:
        return ProcessorState(None, overdue, "bad", "Processor has not run yet")
    ago = now - ran_at
    if ago > QUIET:
        return ProcessorState(ran_at, overdue, "bad", f"Processor has not run for {_span(ago)}")
    return ProcessorState(ran_at, overdue, "hold" if overdue else "good", f"Processor ran {_span(ago)} ago")


def last_beat() -> QuerySet[Heartbeat]:
    """The processor's newest beat alone, for a union."""
    beats = Heartbeat.objects.filter(name=PROCESSOR)
    return beats.order_by().filter(minute=Subquery(beats.order_by("-minute").values("minute")[:1]))


def recent_beats(now: datetime, minutes: int = 60) -> list[tuple[datetime, int]]:
    """(minute, contacts sent) for each of the last minutes, oldest first; silent minutes have 0."""
    start = now.replace(second=0, microsecond=0) - timedelta(minutes=minutes - 1)
    seen = dict(Heartbeat.objects.filter(name=PROCESSOR, minute__gte=start).values_list("minute", "sent"))
    each = (start + timedelta(minutes=n) for n in range(minutes))
    return [(minute, seen.get(minute, 0)) for minute in each]


def silences(since: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """(stopped, back) of every time since then that the processor did not run for longer than ``QUIET``.

    Oldest first; the last one may end ``now``. Beats are kept for two days. One query.
    """
    beats = Heartbeat.objects.filter(name=PROCESSOR, minute__gte=since).order_by("minute")
    seen = list(beats.values_list("minute", "at"))
    begins = [minute for minute, _at in seen[1:]] + [now]
    ends = [at for _minute, at in seen]
    return [(stopped, back) for stopped, back in zip(ends, begins, strict=False) if back - stopped > QUIET]


def forget_old_beats(now: datetime) -> int:
    return Heartbeat.objects.filter(minute__lt=now - KEPT).delete()[0]


def _span(passed: timedelta) -> str:
    seconds = max(int(passed.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} days"
