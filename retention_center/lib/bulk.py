"""Set-based writes: many rows in one statement and one parameter, where ``bulk_update`` is ten times slower.

SQLite reads the rows by ``json_each``, PostgreSQL by ``jsonb_to_recordset``; updates find their rows by primary key.
A column that has one value in all rows travels once, as a parameter of its own: most columns of a batch do.
Only names of our own fields are ever put into SQL; every value is a parameter.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL


def listed(values: Sequence[str]) -> RawSQL:
    """Many ids as one parameter, for ``filter(pk__in=listed(ids))``: a thousand parameters are dear to build."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::text[])", [list(values)])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(values))])


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
    same, varying = _split(model, rows)
    table = _quoted(model._meta.db_table)
    assigned = [f"{_column(field)} = %s" for field in same if field.name not in match]
    values = [_saved(field, rows[0][field.name]) for field in same if field.name not in match]
    assigned += [f"{_column(one)} = v.{_column(one)}" for one in varying if one.name not in {"id", *match}]
    for column in (_column(model._meta.get_field(name)) for name in bump):
        assigned.append(f"{column} = {table}.{column} + 1")
    conditions = [f"{table}.{_column(one)} = v.{_column(one)}" for one in varying if one.name in {"id", *match}]
    held = {field.name: rows[0][field.name] for field in same if field.name in match} | still
    # SQLite: the unary plus keeps the planner from walking an index of that column instead of the primary key
    plus = "+" if connection.vendor == "sqlite" else ""
    conditions += [f"{plus}{table}.{_column(model._meta.get_field(name))} = %s" for name in held]
    sql = (
        f"UPDATE {table} SET {', '.join(assigned)} FROM {_source(varying)} AS v"
        f" WHERE {' AND '.join(conditions)} RETURNING {table}.{_quoted('id')}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, _payload(varying, rows), *held.values()])
        return {row[0] for row in cursor.fetchall()}


def insert_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows which all have the same keys; every other column gets its field's default, one for all rows."""
    if not rows:
        return
    same, varying = _split(model, rows)
    others = [field for field in model._meta.concrete_fields if field.name not in rows[0]]
    columns = ", ".join(_column(field) for field in (*varying, *same, *others))
    picked = ", ".join([*(f"v.{_column(field)}" for field in varying), *("%s" for _ in (*same, *others))])
    values = [_saved(field, rows[0][field.name]) for field in same]
    values += [_saved(field, field.get_default()) for field in others]
    sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({columns}) SELECT {picked} FROM {_source(varying)} AS v"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, _payload(varying, rows)])


def _split(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[Any]]:
    """The fields that have one value in all rows, and those that vary; the id always counts as varying."""
    same: list[Any] = []
    varying: list[Any] = []
    for name, value in rows[0].items():
        is_same = name != "id" and all(row[name] == value for row in rows)
        (same if is_same else varying).append(model._meta.get_field(name))
    return same, varying


def _saved(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


def _source(fields: Sequence[Any]) -> str:
    """The rows of the one JSON parameter, as a table with the columns' types."""
    if connection.vendor == "postgresql":
        typed = ", ".join(f"{_column(field)} {field.db_type(connection)}" for field in fields)
        return f"(SELECT * FROM jsonb_to_recordset(%s::jsonb) AS r({typed}))"
    # json_each drives, the target is found by its primary key: never a scan of the table
    picked = ", ".join(f"json_extract(value, '$.{field.column}') AS {_column(field)}" for field in fields)
    return f"(SELECT {picked} FROM json_each(%s))"


def _payload(fields: Sequence[Any], rows: Sequence[Mapping[str, Any]]) -> str:
    prepared = [(field.name, field.column, _preparation(field)) for field in fields]
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
