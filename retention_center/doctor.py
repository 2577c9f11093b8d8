"""Does everything we promise hold, over the whole database? Each app owns its part (settings.INVARIANTS).

A check is a query for the rows that break a promise; finding none is the proof. Violations are broken promises,
alarms are work that should have moved on by now. The same checks run in `manage.py doctor` and in tests.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils.module_loading import import_string

VIOLATION, ALARM = "violation", "alarm"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, or one sign that work is stuck. ``broken(now)`` selects the rows that break it."""

    id: str
    promise: str
    broken: Callable[[datetime], QuerySet[Any]]
    severity: str = VIOLATION


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something: how many rows, and the first few of them."""

    check: Check
    count: int
    first: tuple[str, ...]

    def __str__(self) -> str:
        shown = ", ".join(self.first) + (" …" if self.count > len(self.first) else "")
        return f"{self.check.id} {self.check.severity}: {self.check.promise} Broken by {self.count}: {shown}"


def checks() -> list[Check]:
    """All checks, of all apps, from the ground up."""
    return [check for path in settings.INVARIANTS for check in import_string(path)]


def examine(now: datetime, *, only: Iterable[str] = (), first: int = 5) -> list[Finding]:
    """Run the checks (those whose id is in ``only``, if given) and tell what is broken."""
    wanted = set(only)
    return [
        finding
        for check in checks()
        if not wanted or check.id in wanted
        if (finding := _run(check, now, first)) is not None
    ]


def _run(check: Check, now: datetime, first: int) -> Finding | None:
    broken = check.broken(now)
    shown = [str(pk) for pk in broken.values_list("pk", flat=True)[:first]]
    if not shown:
        return None
    return Finding(check, broken.count() if len(shown) == first else len(shown), tuple(shown))


def where(model: Any, sql: str, parameters: Sequence[Any] = ()) -> QuerySet[Any]:
    """Rows whose id a hand-written query selects, for questions that the ORM asks badly."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return model._default_manager.filter(pk__in=[row[0] for row in cursor.fetchmany(10_000)])
