"""Set-based writes: many rows in one statement and one parameter, where ``bulk_update`` is ten times slower.

SQLite reads the rows by ``json_each``, PostgreSQL by ``jsonb_to_recordset``; updates find their rows by primary key.
A column that has one value in all rows travels once, as a parameter of its own: most columns of a batch do.
Only names of our own fields are ever put into SQL; every value is a parameter.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from django.db import connection, models
from django.db.models.expressions import RawSQL

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Encoded(str):
    """A JSON value as text already: what is the same for many rows is encoded once."""

    __slots__ = ()


def listed(values: Iterable[str]) -> RawSQL:
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
    same: Mapping[str, Any] = EMPTY,
    **still: Any,
) -> set[str]:
    """Update each row by its ``id`` to its other values, as a compare-and-set; the ids really updated.

    All rows have the same keys; ``same`` are values that all of them get. Those named in ``match`` are not written
    but must still hold (a fence, say); ``still`` are columns that must hold one value in all rows
    (``status="SCHEDULED"``); those in ``bump`` rise by one.
    """
    if not rows:
        return set()
    shared, varying = _split(model, rows, same)
    table = _quoted(model._meta.db_table)
    assigned = [f"{_column(field)} = %s" for field in shared if field.name not in match]
    values = [_saved(field, value) for field, value in shared.items() if field.name not in match]
    assigned += [f"{_column(one)} = v.{_column(one)}" for one in varying if one.name not in {"id", *match}]
    for column in (_column(model._meta.get_field(name)) for name in bump):
        assigned.append(f"{column} = {table}.{column} + 1")
    conditions = [f"{table}.{_column(one)} = v.{_column(one)}" for one in varying if one.name in {"id", *match}]
    held = {field.name: value for field, value in shared.items() if field.name in match} | still
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


def update_selected(chosen: models.QuerySet[Any], values: Mapping[str, Any], **still: Any) -> set[str]:
    """Update the chosen rows in one statement, the ids really updated.

    ``still`` must hold in the row as it is when it is written, whatever was true when it was chosen; None is NULL.
    """
    model = chosen.model
    selected, parameters = chosen.order_by().values("pk").query.sql_with_params()
    assigned = {model._meta.get_field(name): value for name, value in values.items()}
    held = {model._meta.get_field(name): value for name, value in still.items()}
    table = _quoted(model._meta.db_table)
    conditions = [f"{table}.{_quoted('id')} IN ({selected})"]
    conditions += [f"{table}.{_column(one)} {'IS NULL' if value is None else '= %s'}" for one, value in held.items()]
    sql = (
        f"UPDATE {table} SET {', '.join(f'{_column(one)} = %s' for one in assigned)}"
        f" WHERE {' AND '.join(conditions)} RETURNING {table}.{_quoted('id')}"
    )
    written = [_saved(field, value) for field, value in assigned.items()]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*written, *parameters, *(value for value in held.values() if value is not None)])
        return {row[0] for row in cursor.fetchall()}


def insert_rows(
    model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, same: Mapping[str, Any] = EMPTY
) -> None:
    """Insert rows which all have the same keys, and the values of ``same``; every other column gets its field's
    default, one for all rows.
    """
    if not rows:
        return
    shared, varying = _split(model, rows, same)
    given = {*rows[0], *same}
    shared |= {field: field.get_default() for field in model._meta.concrete_fields if field.name not in given}
    columns = ", ".join(_column(field) for field in (*varying, *shared))
    picked = ", ".join([*(f"v.{_column(field)}" for field in varying), *("%s" for _ in shared)])
    values = [_saved(field, value) for field, value in shared.items()]
    sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({columns}) SELECT {picked} FROM {_source(varying)} AS v"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, _payload(varying, rows)])


def _split(
    model: type[models.Model], rows: Sequence[Mapping[str, Any]], same: Mapping[str, Any]
) -> tuple[dict[Any, Any], list[Any]]:
    """The fields that have one value in all rows, with it, and those that vary; the id always varies."""
    shared = {model._meta.get_field(name): value for name, value in same.items()}
    varying = []
    for name, value in rows[0].items():
        field = model._meta.get_field(name)
        if name != "id" and _is_shared(field, name, value, rows):
            shared[field] = value
        else:
            varying.append(field)
    return shared, varying


def _is_shared(field: Any, name: str, value: Any, rows: Sequence[Mapping[str, Any]]) -> bool:
    if isinstance(field, models.JSONField):  # in JSON 1 and true differ, in Python they are equal
        return all(row[name] is value for row in rows)
    return [row[name] for row in rows].count(value) == len(rows)


def _saved(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(json.loads(value) if isinstance(value, Encoded) else value, connection)


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
    plain = [(name, column) for name, column, prepare in prepared if prepare is None]
    others = [(name, column, prepare) for name, column, prepare in prepared if prepare is not None]
    objects = [{column: row[name] for name, column in plain} for row in rows]
    for name, column, prepare in others:
        for one, row in zip(objects, rows, strict=True):
            one[column] = prepare(row[name])
    return json.dumps(objects)


def _preparation(field: Any) -> Callable[[Any], Any] | None:
    """How a value of the field goes into JSON, if not as it is."""
    if isinstance(field, models.JSONField):
        return _extracted_as_text if connection.vendor == "sqlite" else _as_json
    if isinstance(field, models.CharField | models.TextField | models.ForeignKey | models.IntegerField):
        return None
    if isinstance(field, models.BooleanField):
        return bool

    @cache  # a batch writes the same few instants over and over
    def prepare(value: Any) -> Any:
        return None if value is None else str(field.get_db_prep_save(value, connection))

    return prepare


def _extracted_as_text(value: Any) -> Any:
    """What SQLite's ``json_extract`` gives back as JSON text: objects and lists as they are, all else written out."""
    return value if isinstance(value, dict | list | Encoded) else json.dumps(value)


def _as_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, Encoded) else value


def _column(field: Any) -> str:
    return _quoted(field.column)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
