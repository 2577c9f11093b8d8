"""Rows of a hot path as instances, without what `Model.__init__` costs: a batch reads thousands of them."""

from collections.abc import Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS, models
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
