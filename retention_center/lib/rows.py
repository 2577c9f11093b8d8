"""Rows of a hot path as instances, without what Django's compiler and `Model.__init__` cost: batches read thousands."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState


class RowState:
    """What Django keeps beside an instance, of a saved row; a ``ModelState`` without its costly finalizer."""

    adding = False
    db = DEFAULT_DB_ALIAS
    peers = ()
    fetch_mode = ModelState.__dict__["fetch_mode"]

    def __init__(self, related: dict[str, models.Model]) -> None:
        self.fields_cache = related


def instance[M: models.Model](model: type[M], values: Mapping[str, Any], **related: models.Model) -> M:
    """A saved row as its model's instance. ``values`` by attname; a column left out is read when it is asked for.

    ``related`` are the rows its foreign keys point at, by the field's name.
    """
    row = model.__new__(model)
    row.__dict__.update(values)
    row.__dict__["_state"] = RowState(related)
    return row


def read(chosen: models.QuerySet[Any], names: Sequence[str]) -> list[tuple]:
    """As ``chosen.values_list(*names)``, for columns of text, numbers, times and JSON, along any relations."""
    sql, parameters = chosen.values_list(*names).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    if not rows:
        return []
    columns = list(zip(*rows, strict=True))
    for place, name in enumerate(names):
        if reading := _reading(_field(chosen.model, name)):
            columns[place] = tuple([None if value is None else reading(value) for value in columns[place]])
    return list(zip(*columns, strict=True))


def _field(model: Any, name: str) -> Any:
    *relations, last = name.split("__")
    for relation in relations:
        model = model._meta.get_field(relation).related_model
    return model._meta.get_field(last)


def _reading(field: Any) -> Callable[[Any], Any] | None:
    """How a value of the field is read, if not as the database gives it."""
    if isinstance(field, models.JSONField):
        return _parsed
    if isinstance(field, models.DateTimeField) and connection.vendor == "sqlite":
        return _moment
    return None


def _parsed(text: str) -> Any:
    if text == "{}":  # as most are
        return {}
    return [] if text == "[]" else json.loads(text)


def _moment(naive: datetime) -> datetime:
    return naive.replace(tzinfo=UTC)
