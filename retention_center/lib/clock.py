"""The only place that reads a clock, so that everything else can be told what time it is.

``source`` is where time comes from; the simulator puts a clock of its own there.
"""

import time
from datetime import UTC, datetime
from typing import Protocol

from django.db import connection


class Source(Protocol):
    """Whoever knows the time."""

    def now(self) -> datetime: ...

    def db_now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class _Real:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def db_now(self) -> datetime:
        if connection.vendor != "postgresql":
            return self.now()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            return cursor.fetchone()[0]

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


REAL: Source = _Real()
source = REAL


def now() -> datetime:
    """The real time, aware, in UTC."""
    return source.now()


def monotonic() -> float:
    """Seconds that never run backwards, for deadlines within one process."""
    return source.monotonic()


def sleep(seconds: float) -> None:
    """Wait, really."""
    source.sleep(seconds)


def db_now() -> datetime:
    """The database's time where several machines share it (PostgreSQL), else this machine's.

    Leases compare against this, so that skewed machines cannot take work from one another.
    """
    return source.db_now()
