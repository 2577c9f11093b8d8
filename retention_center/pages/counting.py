"""Counts that stay cheap: several in one query, none further than the cap."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

from retention_center.pages import words

CAP = 10_000


def capped_counts(querysets: Sequence[QuerySet], caps: Sequence[int | None]) -> list[int]:
    """How many rows each has, in one query; ``cap + 1`` stands for "more than ``cap``", a cap of None counts all."""
    parts: list[str] = []
    params: list[Any] = []
    for rows, cap in zip(querysets, caps, strict=True):
        try:
            sql, values = rows.order_by().values("pk")[: cap and cap + 1].query.sql_with_params()
        except EmptyResultSet:
            sql, values = "SELECT 1 WHERE 1 = 0", ()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608 (the ORM's own SQL)
        params += values
    if not parts:
        return []
    with connections[querysets[0].db].cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(parts), params)
        return list(cursor.fetchone())


def in_words(count: int, cap: int | None) -> str:
    """ "1,240", or "over 10,000" past the cap."""
    return words.number(count) if cap is None or count <= cap else f"over {words.number(cap)}"
