"""Does everything we promise hold, over the whole database? Each app owns its part (settings.INVARIANTS).

A check is a query for the rows that break a promise; finding none is the proof. Violations are broken promises,
alarms are work that should have moved on by now. The same checks run in `manage.py doctor`, on the health page and
in tests. A check reads what is committed in one statement, so that work in flight is never mistaken for a fault.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.module_loading import import_string

from retention_center.audit import Actor

VIOLATION, ALARM = "violation", "alarm"
ACTOR = Actor("doctor", "command")
Broken = QuerySet[Any] | Sequence[Model] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, or one sign that work is stuck.

    ``broken(now)`` selects the rows that break it, or names what is missing. With ``is_scan`` it looks at every row of
    its table by that row's own columns: scans of one table are asked together, in one pass. ``repair(now)`` mends what
    can be mended safely, audited, as often as one likes; it returns how many rows it changed.
    """

    id: str
    promise: str
    broken: Callable[[datetime], Broken]
    severity: str = VIOLATION
    is_scan: bool = False
    repair: Callable[[datetime], int] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something: how many rows, and the first few of them with their pages, where they have one."""

    check: Check
    count: int
    first: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        shown = ", ".join(name for name, _href in self.first) + (" …" if self.count > len(self.first) else "")
        return f"{self.check.id} {self.check.severity}: {self.check.promise} Broken by {self.count}: {shown}"


def checks() -> list[Check]:
    """All checks, of all apps, from the ground up."""
    return [check for path in settings.INVARIANTS for check in import_string(path)]


def examine(
    now: datetime, *, only: Iterable[str] = (), first: int = 5, watch: Callable[[int], object] | None = None
) -> list[Finding]:
    """Run the checks (those whose id is in ``only``, if given) and tell what is broken.

    ``watch`` is told after each step how many checks are done.
    """
    wanted = set(only)
    chosen = [check for check in checks() if not wanted or check.id in wanted]
    findings: dict[str, Finding] = {}
    done = 0
    for group in _together(chosen, now):
        if len(group) == 1 or _any_broken(group, now):
            findings |= {check.id: found for check in group if (found := _run(check, now, first))}
        done += len(group)
        if watch:
            watch(done)
    return [findings[check.id] for check in chosen if check.id in findings]


def repair(findings: Iterable[Finding], now: datetime) -> Iterator[tuple[Finding, int | None]]:
    """Mend what can be mended safely: each finding with the rows changed, None where only people can decide."""
    for finding in findings:
        if finding.check.repair is None:
            yield finding, None
            continue
        with transaction.atomic():
            changed = finding.check.repair(now)
        yield finding, changed


def _together(chosen: Sequence[Check], now: datetime) -> list[list[Check]]:
    """Scans of one table in one group; every other check is a group of its own."""
    scans: dict[type[Model], list[Check]] = defaultdict(list)
    alone: list[list[Check]] = []
    for check in chosen:
        broken = check.broken(now) if check.is_scan else None
        if isinstance(broken, QuerySet):
            scans[broken.model].append(check)
        else:
            alone.append([check])
    return [*scans.values(), *alone]


def _any_broken(group: Sequence[Check], now: datetime) -> bool:
    querysets = [broken for check in group if isinstance(broken := check.broken(now), QuerySet)]
    return reduce(or_, querysets).order_by().count() > 0


def _run(check: Check, now: datetime, first: int) -> Finding | None:
    broken = check.broken(now)
    if isinstance(broken, QuerySet):
        broken = broken.order_by()  # in whatever order is fastest
    # Counted first: usually there are none, and asked for a few a database plans as if it would soon find them
    count = broken.count() if isinstance(broken, QuerySet) else len(broken)
    return Finding(check, count, tuple(_told(row) for row in broken[:first])) if count else None


def _told(row: Model | str) -> tuple[str, str]:
    """What stands for the row in a finding, and its page."""
    if isinstance(row, str):
        return row, ""
    page = getattr(row, "get_absolute_url", None)
    return str(row.pk), page() if page else ""


def where(model: type[Model], sql: str, parameters: Sequence[Any] = ()) -> QuerySet[Any]:
    """Rows whose id a hand-written query selects, for questions that the ORM asks badly. Not asked yet."""
    if connection.vendor == "postgresql":  # else it weighs them up against each row, and expects to find many
        sql = f"SELECT unnest(ARRAY({sql}))"
    return model._default_manager.filter(pk__in=RawSQL(sql, parameters))
