"""The only place that reads a clock, so that everything else can be told what time it is."""

import time
from datetime import UTC, datetime

from django.db import connection


def now() -> datetime:
    """The real time, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never run backwards, for deadlines within one process."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Wait, really."""
    time.sleep(seconds)


def db_now() -> datetime:
    """The database's time where several machines share it (PostgreSQL), else this machine's.

    Leases compare against this, so that skewed machines cannot take work from one another.
    """
    if connection.vendor != "postgresql":
        return now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
