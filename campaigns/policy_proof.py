"""Were the rules of time kept? Judged by the facts that each attempt keeps of its own decision (INV-5, INV-6)."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, FloatField, Func, IntegerField, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from campaigns.models import ContactAttempt
from campaigns.windows import DAY_CODES
from retention_center import doctor

OURS = ContactAttempt.objects.filter(is_legacy=False)

# Hours, days, weekday and minute: one row for each that occurs, however many attempts there are
_DECIDED = {
    "sqlite": (
        "json_extract(policy_snapshot, '$.hours')",
        "json_extract(policy_snapshot, '$.days')",
        "(strftime('%w', substr(policy_snapshot ->> 'localTime', 1, 10)) + 6) % 7",
        "substr(policy_snapshot ->> 'localTime', 12)",
    ),
    "postgresql": (
        "policy_snapshot ->> 'hours'",
        "policy_snapshot ->> 'days'",
        "EXTRACT(isodow FROM left(policy_snapshot ->> 'localTime', 10)::date)::int - 1",
        "substr(policy_snapshot ->> 'localTime', 12)",
    ),
}


class _Milliseconds(Func):
    """An ISO 8601 time in a JSON column as milliseconds, so that the database can subtract."""

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="(julianday(%(expressions)s) * 86400000)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(EXTRACT(EPOCH FROM (%(expressions)s)::timestamptz) * 1000)"
        return super().as_sql(compiler, connection, template=template, **context)


def outside_window(_now: datetime) -> Sequence[ContactAttempt]:
    """Intents outside the contact hours and days of their own rules, on the lead's own clock; at most a thousand."""
    columns = _DECIDED[connection.vendor]
    table = ContactAttempt._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT {', '.join(columns)} FROM {table} WHERE NOT is_legacy")
        decided = [row for row in cursor.fetchall() if None not in row]
    closed = [row for row in decided if not is_open(json.loads(row[0]), json.loads(row[1]), row[2], row[3])]
    broken: list[ContactAttempt] = []
    same = " AND ".join(f"{column.replace('%', '%%')} = %s" for column in columns)
    for row in closed[:1000]:
        broken += doctor.where(ContactAttempt, f"SELECT id FROM {table} WHERE NOT is_legacy AND {same}", row)[:1000]
    return broken[:1000]


def is_open(hours: Sequence[Sequence[int]], days: Sequence[str], weekday: int, clock_time: str) -> bool:
    """Whether a local time (HH:MM) lies in every window.

    One that ends before it starts goes on after midnight, and that night belongs to the day it began on.
    """
    hour, minute = clock_time.split(":")
    at = int(hour) * 60 + int(minute)
    is_night = any(end <= start and at < end for start, end in hours)
    inside = [start <= at < end if start < end else at < end or start <= at for start, end in hours]
    return all(inside) and DAY_CODES[weekday - is_night] in days


def over_cap(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents when as many contacts as the cap allows counted already: all of them, or those of the channel."""
    of_all = Q(policy_snapshot__contactsToday__gte=F("policy_snapshot__cap"))
    of_channel = Q(policy_snapshot__contactsOnChannel__gte=F("policy_snapshot__channelCap"))
    return OURS.filter(of_all | of_channel)


def too_soon(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents sooner after the last contact than the gap between channels allows; a millisecond is rounding."""
    passed = _Milliseconds(KT("policy_snapshot__at")) - _Milliseconds(KT("policy_snapshot__lastContactAt"))
    gap = Cast(KT("policy_snapshot__gapMs"), IntegerField())
    has_gap = Q(policy_snapshot__gapMs__gt=0) & ~Q(policy_snapshot__lastContactAt=None)
    return OURS.filter(has_gap).alias(missing=gap - passed).filter(missing__gt=1)
