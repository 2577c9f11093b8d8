"""INSERT .. SELECT: rows made of other rows inside the database, where sending them there and back costs most.

The ORM writes which rows (`QuerySet.query.sql_with_params`); only names of our own fields are put into SQL.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

from retention_center.lib import ids


def insert_selected(
    model: type[models.Model],
    prefix: str,
    chosen: models.QuerySet[Any],
    *,
    picked: Mapping[str, str],
    once: Sequence[str] = (),
    **values: Any,
) -> int:
    """Insert a row for each of ``chosen``, a ``.values()`` query, numbered in its order: how many.

    The id is ``prefix`` (of `ids.new_prefix`) and the number. ``picked`` names the chosen column that a field is
    copied from; ``values`` are the same in all rows; every other field gets its default, one for all. Rows that
    would repeat one by the fields of ``once`` are left out.
    """
    fields: dict[str, Any] = {field.name: field for field in model._meta.concrete_fields}
    constants = [field for name, field in fields.items() if name != "id" and name not in picked]
    columns = ["id", *(fields[name].column for name in picked), *(field.column for field in constants)]
    number = f"substr(CAST({10**ids.DIGITS} + row_number() OVER () AS text), 2)"
    taken = [f"%s || {number}", *(f"chosen.{_quoted(column)}" for column in picked.values())]
    taken += ["%s"] * len(constants)
    source, parameters = chosen.query.sql_with_params()
    into = f"{_quoted(model._meta.db_table)} ({_list(columns)})"
    sql = f"INSERT INTO {into} SELECT {', '.join(taken)} FROM ({source}) AS chosen WHERE TRUE"
    if once:
        sql += f" ON CONFLICT ({_list([fields[name].column for name in once])}) DO NOTHING"
    same = [field.get_db_prep_save(values.get(field.name, field.get_default()), connection) for field in constants]
    with connection.cursor() as cursor:
        cursor.execute(sql, [prefix, *same, *parameters])
        return cursor.rowcount


def block(prefix: str) -> tuple[str, str]:
    """The first and the last id that begin with the prefix, for ``pk__range``."""
    return prefix + "0" * ids.DIGITS, prefix + "9" * ids.DIGITS


def _list(columns: Sequence[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
