"""Set-based writes: many rows in one statement and one parameter, where ``bulk_update`` is ten times slower.

SQLite reads the rows by ``json_each``, PostgreSQL by ``jsonb_to_recordset``; both update by primary key.
"""

import json
from collections.abc import Mapping, Sequence
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
    names = list(rows[0])
    fields = {name: model._meta.get_field(name) for name in names}
    columns = {name: fields[name].column for name in names}
    columns |= {name: model._meta.get_field(name).column for name in bump}
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    written = [name for name in names if name != "id" and name not in match]
    assigned = [f"{quote(columns[name])} = {_value(fields[name])}" for name in written]
    assigned += [f"{quote(columns[name])} = {table}.{quote(columns[name])} + 1" for name in bump]
    conditions = [f"{table}.{quote(columns[name])} = v.{quote(columns[name])}" for name in ("id", *match)]
    conditions += [f"{table}.{quote(model._meta.get_field(name).column)} = %s" for name in still]
    payload = json.dumps([{columns[name]: _prepared(fields[name], row[name]) for name in names} for row in rows])
    sql = (
        f"UPDATE {table} SET {', '.join(assigned)} FROM {_source(fields)} AS v"
        f" WHERE {' AND '.join(conditions)} RETURNING {table}.{quote('id')}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [payload, *still.values()])
        return {row[0] for row in cursor.fetchall()}


def _source(fields: Mapping[str, Any]) -> str:
    """The rows of the one JSON parameter, as a table with the columns' types."""
    quote = connection.ops.quote_name
    if connection.vendor == "postgresql":
        typed = ", ".join(f"{quote(field.column)} {field.db_type(connection)}" for field in fields.values())
        return f"(SELECT * FROM jsonb_to_recordset(%s::jsonb) AS r({typed}))"
    # json_each drives, the target is found by its primary key: never a scan of the table
    picked = ", ".join(f"json_extract(value, '$.{field.column}') AS {quote(field.column)}" for field in fields.values())
    return f"(SELECT {picked} FROM json_each(%s))"


def _value(field: Any) -> str:
    return f"v.{connection.ops.quote_name(field.column)}"


def _prepared(field: Any, value: Any) -> Any:
    """The value as JSON can carry it to the column: nested JSON stays text on SQLite, an object on PostgreSQL."""
    if isinstance(field, models.JSONField):
        return value if connection.vendor == "postgresql" else json.dumps(value)
    prepared = field.get_db_prep_save(value, connection)
    return prepared if prepared is None or isinstance(prepared, bool | int | float | str) else str(prepared)
