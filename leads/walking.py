"""Walking over leads in the order in which they came or changed, so that no outage and no late commit hides anybody.

A cursor is the time up to which nobody is left to be looked at. It never passes the last lead there is, so that a
clock which was wrong for a while hides nobody; and it trails the real clock by an overlap, because whoever is saved
in a long transaction appears only when that commits, with a time that lies behind.
"""

from datetime import datetime, timedelta

from django.db.models import BooleanField, DateTimeField, F, Func, Value

from retention_center.lib import clock

JUST_BEFORE = timedelta(microseconds=1)


def behind(column: str, position: tuple[datetime, str]) -> Func:
    """A condition: stands after ``position`` in the order (column, id).

    As row values, because both databases go straight to such a place in an index, where an OR of two
    comparisons walks all that stands before it.
    """
    moment, pk = position
    here = Func(F(column), F("pk"), template="(%(expressions)s)")
    there = Func(Value(moment, DateTimeField()), Value(pk), template="(%(expressions)s)")
    return Func(here, there, template="%(expressions)s", arg_joiner=" > ", output_field=BooleanField())


def safe_until(last: datetime | None, overlap: timedelta, *, real_now: datetime | None = None) -> datetime | None:
    """How far a cursor may go once everybody up to ``last`` was looked at; ask before looking."""
    return None if last is None else min(last, (real_now or clock.now()) - overlap)


def not_past(cursor: datetime | None, oldest_left: datetime | None) -> datetime | None:
    """The cursor, held back before the first who still waits."""
    if cursor is None or oldest_left is None:
        return cursor
    return min(cursor, oldest_left - JUST_BEFORE)
