"""Sequences that enroll by themselves. No outage and no late commit loses anybody, and nobody enters twice (INV-20).

A cursor stays before whoever could not be taken yet: locked by somebody else, or beyond the day's number.
"""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from leads.models import Lead
from leads.walking import not_past
from retention_center.audit import SYSTEM
from sequences import entrants
from sequences.enrolling import enroll
from sequences.entering import enter
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep
from sequences.places import first_step
from sequences.walks import Position, Walk, walks

CHUNK = 10_000  # newcomers in one transaction: a fraction of a second
CHUNK_AGAIN = 500


def enroll_by_triggers(now: datetime, in_time: Callable[[], bool] = lambda: True) -> int:
    """One look for every active sequence with a trigger: how many entered. Who comes too late enters next time."""
    sequences = RetentionSequence.objects.triggered().order_by("pk")
    return sum(_look(sequence, now, in_time) for sequence in sequences if in_time())


def _look(sequence: RetentionSequence, now: datetime, in_time: Callable[[], bool]) -> int:
    """Take in whom the sequence has not seen, then move its cursors as far as nobody is left."""
    entered = 0
    cursors: dict[str, datetime] = {}
    for walk in walks(sequence, now):
        count, left = _go(walk, sequence, now, in_time)
        entered += count
        if reached := not_past(walk.until, left):
            cursors[walk.cursor] = min(reached, cursors.get(walk.cursor, reached))
    moved = {name: at for name, at in cursors.items() if at != getattr(sequence, name)}
    if moved:  # unless staff changed the sequence meanwhile, and perhaps began its cursors anew
        RetentionSequence.objects.filter(pk=sequence.pk, updated_at=sequence.updated_at).update(**moved)
    return entered


def _go(
    walk: Walk, sequence: RetentionSequence, now: datetime, in_time: Callable[[], bool]
) -> tuple[int, datetime | None]:
    """How many entered, and where the oldest stands who did not."""
    entered, position = 0, None
    oldest = walk.oldest()
    while oldest and in_time():
        count, position = _take(walk, position, sequence, now)
        entered += count
        if not count:
            break
        oldest = walk.oldest(position)
    return entered, walk.oldest() if entered else oldest


@transaction.atomic
def _take(walk: Walk, position: Position | None, seen: RetentionSequence, now: datetime) -> tuple[int, Position | None]:
    """A chunk of the walk behind ``position``: how many entered, and where the last of them stands.

    The sequence's lock keeps its steps and the day's number; while somebody else has it, it takes nobody.
    """
    locked = RetentionSequence.objects.triggered().select_for_update(skip_locked=True, no_key=True)
    sequence = locked.filter(pk=seen.pk, updated_at=seen.updated_at).first()
    first = first_step(sequence.live_steps()) if sequence else None
    if sequence is None or first is None:
        return 0, None
    room = entrants.room_today(sequence, now)
    if not room:
        return 0, None
    leads = walk.behind(position)
    if walk.returns:
        return _take_again(walk, leads, min(room, CHUNK_AGAIN), sequence, now), None
    return _take_new(walk, leads[: min(room, CHUNK)], sequence, first, now)


def _take_new(
    walk: Walk, leads: QuerySet[Lead], sequence: RetentionSequence, first: SequenceStep, now: datetime
) -> tuple[int, Position | None]:
    entered = enter(sequence, first, leads, now)
    last = entered.reverse().values_list(f"lead__{walk.column}", "lead").first()
    return entered.count(), last


def _take_again(walk: Walk, leads: QuerySet[Lead], most: int, sequence: RetentionSequence, now: datetime) -> int:
    """Those who were in before enter one by one; what they are is asked again under their locks."""
    ids = list(leads.values_list("pk", flat=True)[:most])
    list(Lead.objects.filter(pk__in=ids).locked().values_list("pk"))
    still = list(walk.leads.filter(pk__in=ids).values_list("pk", flat=True))
    return enroll(sequence, still, now=now, source=SequenceEnrollment.Source.TRIGGER, actor=SYSTEM).enrolled
