"""The database a history plays in: emptied in a moment, kept in memory on SQLite, asked by prepared queries."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from campaigns.models import CampaignLead, ContactAttempt
from integrations.models import InboundEvent
from retention_center import doctor
from sequences.models import SequenceStepExecution

APPS = ("leads", "integrations", "campaigns", "sequences", "conversions", "retention_center")
KEPT = ("secret",)  # made once, at the first migration
TIMED = (
    "INV-3",
    "INV-4",
    "INV-4d",
    "INV-8",
    "INV-8e",
    "INV-8s",
)  # they compare times of several clocks, so they hold only where all clocks agree
REMEMBERS = {"cached_statements": 2000}  # more than a history has; SQLite prepares each of them once
Prepared = tuple[str, tuple[Any, ...] | None]


@contextmanager
def in_memory() -> Iterator[None]:
    """On SQLite this thread works on a copy of its (migrated, empty) database in memory meanwhile."""
    if connection.vendor != "sqlite" or connection.is_in_memory_db():
        yield
        return
    file = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = ":memory:"
    connection.settings_dict["OPTIONS"] |= REMEMBERS
    with sqlite3.connect(file) as migrated:
        connection.connect()
        migrated.backup(connection.connection)
    migrated.close()
    try:
        yield
    finally:
        BaseDatabaseWrapper.close(connection)  # SQLite's own leaves a database in memory open
        connection.settings_dict["NAME"] = file
        for name in REMEMBERS:
            del connection.settings_dict["OPTIONS"][name]


def empty() -> None:
    """Take every row of ours away. The tables stay, and with them all that SQLite remembers of its statements."""
    with connection.cursor() as cursor, connection.constraint_checks_disabled():
        if connection.vendor == "postgresql":  # far cheaper than TRUNCATE, which makes files anew
            deletions = "; ".join(f"DELETE FROM {table}" for table in _tables())
            cursor.execute(f"SET CONSTRAINTS ALL DEFERRED; {deletions}")
            return
        for table in _tables():
            cursor.execute(f"DELETE FROM {table}")


@cache
def _tables() -> list[str]:
    return [
        connection.ops.quote_name(model._meta.db_table)
        for name in APPS
        for model in apps.get_app_config(name).get_models(include_auto_created=True)
        if model._meta.model_name not in KEPT and model._meta.managed
    ]


def changes() -> int | None:
    """A number that differs once a row was written; None where the database does not count."""
    if connection.vendor != "sqlite":
        return None
    connection.ensure_connection()
    return connection.connection.total_changes


def broken_promises(*, clocks_agree: bool) -> list[tuple[str, str]]:
    """(promise, id) of every violation the doctor finds, by one prepared query."""
    return _rows(_promises(clocks_agree))


def statuses() -> list[tuple[str, str]]:
    """(id, status) of every attempt."""
    return _rows((f"SELECT id, status FROM {ContactAttempt._meta.db_table}", ()))


def next_time() -> datetime | None:
    """When the first of all that waits is due, or its lease has run out."""
    (found,) = _rows(_waiting())[0]
    if isinstance(found, str):
        found = datetime.fromisoformat(found).replace(tzinfo=UTC)
    return found


def _rows(prepared: Prepared) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(*prepared)
        return cursor.fetchall()


@cache
def _promises(clocks_agree: bool) -> Prepared:
    asked = {name: rows for name, rows in _prepared().items() if clocks_agree or name not in TIMED}
    parts, selects, parameters = _together(asked, "SELECT '{name}', CAST(found AS text) FROM {part}")
    return _written_out(f"WITH {parts} {selects}", parameters)


def _written_out(sql: str, parameters: tuple[Any, ...]) -> Prepared:
    """With its values in it where SQLite would, for values that may change, make its plan anew each time."""
    if connection.vendor != "sqlite":
        return sql, parameters
    with connection.cursor() as cursor:
        quoted = [cursor.execute("SELECT QUOTE(%s)", [value]).fetchone()[0] for value in parameters]
    return sql % tuple(quoted), None


@cache
def _prepared() -> dict[str, QuerySet[Any, Any]]:
    """The violations that are one query; what is more than that the doctor is asked for at the end."""
    now = datetime(2000, 1, 1, tzinfo=UTC)  # promises hold at any time; only alarms look at it
    found: dict[str, QuerySet[Any, Any]] = {}
    for check in doctor.checks():
        rows = check.broken(now) if check.severity == doctor.VIOLATION else ()
        if isinstance(rows, QuerySet):
            with suppress(EmptyResultSet):
                rows.query.sql_with_params()
                found[check.id] = rows.order_by().values_list("pk", flat=True)
    return found


def unprepared(*, clocks_agree: bool) -> list[str]:
    """The ids of the checks that `broken_promises` leaves out, alarms among them."""
    left = [check.id for check in doctor.checks() if check.id not in _prepared()]
    return [name for name in left if clocks_agree or name not in TIMED]


@cache
def _waiting() -> Prepared:
    steps = SequenceStepExecution.objects
    due = steps.scheduled().filter(due_at__isnull=False, sequence__status="ACTIVE")
    places = CampaignLead.objects.filter(due_at__isnull=False, campaign__status="ACTIVE", is_in_flight=False)
    by_hand = ContactAttempt.objects.filter(
        origin=ContactAttempt.Origin.MANUAL, status__in=["PENDING", "UNKNOWN"], completed_at=None
    )
    asked: dict[str, QuerySet[Any, Any]] = {
        "due": due.values_list("due_at", flat=True),
        "leased": steps.filter(status="PENDING").values_list("lease_until", flat=True),
        "places": places.values_list("due_at", flat=True),
        "leased places": CampaignLead.objects.filter(is_in_flight=True).values_list("lease_until", flat=True),
        "events": InboundEvent.objects.waiting().values_list("next_try_at", flat=True),
        "by hand": by_hand.values_list("deadline_at", flat=True),
    }
    unsorted = {name: rows.order_by() for name, rows in asked.items()}
    parts, selects, parameters = _together(unsorted, "SELECT found FROM {part}")
    return _written_out(f"WITH {parts} SELECT MIN(found) FROM ({selects}) AS all_of_it", parameters)


def _together(asked: dict[str, QuerySet[Any, Any]], select: str) -> tuple[str, str, tuple[Any, ...]]:
    """Several queries of one column for one statement: its WITH parts, the selects from them, the parameters."""
    parts: list[str] = []
    selects: list[str] = []
    parameters: list[Any] = []
    for number, (name, rows) in enumerate(asked.items()):
        sql, values = rows.query.sql_with_params()
        parts.append(f"part{number}(found) AS ({sql})")
        selects.append(select.format(name=name, part=f"part{number}"))
        parameters += values
    return ", ".join(parts), " UNION ALL ".join(selects), tuple(parameters)
