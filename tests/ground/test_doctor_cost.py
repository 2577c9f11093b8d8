"""What the doctor asks costs in proportion to the tables: nothing is compared with everything, whatever is joined."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from benchmarks import fill
from retention_center import doctor

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
ROWS = 2000
# Instructions of SQLite's machine, or rows that PostgreSQL looked at; a table compared with itself takes thousands
PER_ROW = {"sqlite": 60, "postgresql": 12}
INSTRUCTIONS = 100


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How much work the database did meanwhile."""
    spent = 0

    def some_instructions() -> int:
        nonlocal spent
        spent += INSTRUCTIONS
        return 0

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal spent
        execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
        (plan,) = context["cursor"].fetchone()
        spent += looked_at((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
        return execute(sql, params, many, context)

    if connection.vendor == "postgresql":
        with connection.execute_wrapper(explained):
            yield lambda: spent
        return
    connection.connection.set_progress_handler(some_instructions, INSTRUCTIONS)
    try:
        yield lambda: spent
    finally:
        connection.connection.set_progress_handler(None, 0)


def looked_at(node: dict[str, Any]) -> int:
    """Rows that a part of a plan went through, with all that is below it."""
    rows = node["Actual Rows"] + sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    return round(rows * node["Actual Loops"]) + sum(looked_at(below) for below in node.get("Plans", ()))


@pytest.mark.django_db
@pytest.mark.parametrize("analyzed", [True, False])
def test_no_check_compares_a_table_with_itself_even_right_after_a_bulk_load(analyzed):
    fill.running_house(ROWS, NOON)
    if analyzed:
        fill.analyze()

    spent = {}
    for check in doctor.checks():
        with counted() as work:
            assert doctor.examine(NOON, only=[check.id]) == []
        spent[check.id] = work() / ROWS
    assert {name: cost for name, cost in spent.items() if cost > PER_ROW[connection.vendor]} == {}
    assert max(spent.values()) > 1, "nothing was counted"
