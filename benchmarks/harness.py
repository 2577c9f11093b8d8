"""Runs one measurement on a database of its own: arguments in, one JSON line out."""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

from tests import postgres

UNIT_OF_TIME = {"s": 1.0, "ms": 1000.0}


@contextmanager
def database(kind: str) -> Iterator[None]:
    """Django, set up on an empty, migrated database of that kind, with the product's own durability."""
    with tempfile.TemporaryDirectory(prefix="rc-bench-") as folder:
        os.environ["DJANGO_SETTINGS_MODULE"] = "retention_center.settings"
        if kind == "postgres":
            with postgres.server(is_durable=True) as url:
                yield from _migrated(url)
        else:
            yield from _migrated(f"sqlite:///{Path(folder) / 'bench.sqlite3'}")


def _migrated(url: str) -> Iterator[None]:
    os.environ["DATABASE_URL"] = url
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    try:
        yield
    finally:
        connection.close()


def main(
    name: str,
    unit: str,
    measure: Callable[[int], list[float] | tuple[list[float], list[float]] | dict[str, list[float]]],
    *,
    rows: int = 10_000,
) -> None:
    """Parse ``--db`` and ``--rows``, measure, print ``{name, db, rows, value, unit, median_of}``.

    ``measure`` is given the rows and returns one value per repetition, in ``unit``; the median is printed. With its
    yardstick's values as a second list (see `benchmarks.limits`), their median, ``limit``, and the ``ratio`` too.
    Of values by name each median is printed, and the largest as ``value``.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--db", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--rows", type=int, default=rows)
    options = parser.parse_args()
    with database(options.db):
        measured = measure(options.rows)
    parts = measured if isinstance(measured, dict) else {}
    if isinstance(measured, dict):
        measured = max(measured.values(), key=statistics.median)
    values, limits = measured if isinstance(measured, tuple) else (measured, [])
    line = {"name": name, "db": options.db, "rows": options.rows, "value": round(statistics.median(values), 2)}
    line |= {part: round(statistics.median(each), 2) for part, each in parts.items()}
    if limits:
        limit = statistics.median(limits)
        line |= {"limit": round(limit, 2), "ratio": round(statistics.median(values) / limit, 3)}
    sys.stdout.write(json.dumps(line | {"unit": unit, "median_of": len(values)}) + "\n")


def rate(count: int, work: Callable[[], object]) -> float:
    """How many of ``count`` things a second the work did."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * UNIT_OF_TIME["ms"]
