"""Set-based writes: many rows in one statement and one parameter, where ``bulk_update`` is ten times slower.

SQLite reads the rows by ``json_each``, PostgreSQL by ``jsonb_to_recordset``; updates find their rows by primary key.
Only names of our own fields are ever put into SQL; every value is a parameter.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def update_rows(
    model: type[models.Model],
    rows: Sequence[Mapping[str, Any]],
    *,
    match: Sequence[str] = (),
    bump: Sequence[str] = (),
    **still: Any,
) -> set[str]:
    """Update each row by its ``id`` to its other values, as a compare-and-set; the ids really updated.

    All rows have the same keys. Those named in ``match`` are not written but must still hold (a fence, say);
    ``still`` are columns that must hold one value in all rows (``status="SCHEDULED"``); those in ``bump`` rise by one.
    """
    if not rows:
        return set()
    fields = {name: model._meta.get_field(name) for name in rows[0]}
    table = _quoted(model._meta.db_table)
    assigned = [f"{_column(fields[name])} = v.{_column(fields[name])}" for name in fields if name not in {"id", *match}]
    for column in (_column(model._meta.get_field(name)) for name in bump):
        assigned.append(f"{column} = {table}.{column} + 1")
    conditions = [f"{table}.{_column(fields[name])} = v.{_column(fields[name])}" for name in ("id", *match)]
    # SQLite: the unary plus keeps the planner from walking an index of that column instead of the primary key
    plus = "+" if connection.vendor == "sqlite" else ""
    conditions += [f"{plus}{table}.{_column(model._meta.get_field(name))} = %s" for name in still]
    sql = (
        f"UPDATE {table} SET {', '.join(assigned)} FROM {_source(fields)} AS v"
        f" WHERE {' AND '.join(conditions)} RETURNING {table}.{_quoted('id')}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [_payload(fields, rows), *still.values()])
        return {row[0] for row in cursor.fetchall()}


def insert_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows which all have the same keys; every other column gets its field's default, one for all rows."""
    if not rows:
        return
    fields = {name: model._meta.get_field(name) for name in rows[0]}
    others = {field.name: field for field in model._meta.concrete_fields if field.name not in fields}
    columns = ", ".join(_column(field) for field in (*fields.values(), *others.values()))
    picked = ", ".join([*(f"v.{_column(field)}" for field in fields.values()), *("%s" for _ in others)])
    defaults = [field.get_db_prep_save(field.get_default(), connection) for field in others.values()]
    sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({columns}) SELECT {picked} FROM {_source(fields)} AS v"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*defaults, _payload(fields, rows)])


def _source(fields: Mapping[str, Any]) -> str:
    """The rows of the one JSON parameter, as a table with the columns' types."""
    if connection.vendor == "postgresql":
        typed = ", ".join(f"{_column(field)} {field.db_type(connection)}" for field in fields.values())
        return f"(SELECT * FROM jsonb_to_recordset(%s::jsonb) AS r({typed}))"
    # json_each drives, the target is found by its primary key: never a scan of the table
    picked = ", ".join(f"json_extract(value, '$.{field.column}') AS {_column(field)}" for field in fields.values())
    return f"(SELECT {picked} FROM json_each(%s))"


def _payload(fields: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    prepared = [(name, field.column, _preparation(field)) for name, field in fields.items()]
    return json.dumps([{column: prepare(row[name]) for name, column, prepare in prepared} for row in rows])


def _preparation(field: Any) -> Callable[[Any], Any]:
    """How a value of the field goes into JSON: nested JSON as text on SQLite, as it is on PostgreSQL."""
    if isinstance(field, models.JSONField):
        return json.dumps if connection.vendor == "sqlite" else lambda value: value
    if isinstance(field, models.CharField | models.TextField | models.ForeignKey | models.IntegerField):
        return lambda value: value
    if isinstance(field, models.BooleanField):
        return bool

    @cache  # a batch writes the same few instants over and over
    def prepare(value: Any) -> Any:
        return None if value is None else str(field.get_db_prep_save(value, connection))

    return prepare


def _column(field: Any) -> str:
    return _quoted(field.column)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
