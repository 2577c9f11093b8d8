"""Rows of a hot path as instances, without what `Model.__init__` costs: a batch reads thousands of them."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.db.models.base import ModelState


def instance[M: models.Model](model: type[M], values: Mapping[str, Any], **related: models.Model) -> M:
    """A saved row as its model's instance. ``values`` by attname; a column left out is read when it is asked for.

    ``related`` are the rows its foreign keys point at, by the field's name.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding = False
    row._state.db = "default"
    row.__dict__.update(values)
    for name, other in related.items():
        row._state.fields_cache[name] = other
    return row
