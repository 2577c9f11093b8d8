"""In which order a list stands, and where in that order to go on: keyset positions, stable and deep."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import F, Field, Model, Q, QuerySet
from rest_framework.request import Request

from retention_center.api.problems import Invalid
from retention_center.api.text import is_storable
from retention_center.lib.wire import to_snake

SortFields = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Order:
    """By ``column`` (its name on the wire beside it), ties by id in the same direction, blanks last."""

    name: str
    column: str
    descending: bool

    def apply(self, queryset: QuerySet) -> QuerySet:
        tie = "-pk" if self.descending else "pk"
        if self.column == "pk":
            return queryset.order_by(tie)
        if not self._may_be_blank(queryset.model):
            return queryset.order_by(f"-{self.column}" if self.descending else self.column, tie)
        by = F(self.column)
        return queryset.order_by(by.desc(nulls_last=True) if self.descending else by.asc(nulls_last=True), tie)

    def after(self, queryset: QuerySet, cursor: str) -> QuerySet:
        """The rows that stand after the cursor's row, which itself may be gone by now."""
        value, pk = self._position(queryset.model, cursor)
        beyond = "lt" if self.descending else "gt"
        if self.column == "pk":
            return queryset.filter(**{f"pk__{beyond}": pk})
        if value is None:
            return queryset.filter(**{self.column: None, f"pk__{beyond}": pk})
        further = Q(**{f"{self.column}__{beyond}": value}) | Q(**{self.column: value, f"pk__{beyond}": pk})
        if self._may_be_blank(queryset.model):
            return queryset.filter(further | Q(**{self.column: None}))
        # The first condition repeats part of the second so that an index can start from it
        return queryset.filter(Q(**{f"{self.column}__{beyond}e": value}) & further)

    def cursor_at(self, row: Model) -> str:
        """The position of a row, as text that is safe in an address."""
        value: Any = row
        for part in [] if self.column == "pk" else self.column.split("__"):
            value = getattr(value, part, None)
        position = [self.name, "desc" if self.descending else "asc", _plain(value), row.pk]
        text = json.dumps(position, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _position(self, model: type[Model], cursor: str) -> tuple[Any, Any]:
        _name, _direction, value, pk = _unpack(cursor)
        if value is None or self.column == "pk":
            return None, pk
        field = _field(model, self.column)
        try:
            read = field.to_python(value) if field is not None else value
            # In UTC now: a time at the edge of the calendar would only fail in the database
            return (read.astimezone(UTC) if isinstance(read, datetime) else read), pk
        except (ValidationError, ValueError, OverflowError, TypeError) as error:
            raise _malformed() from error

    def _may_be_blank(self, model: type[Model]) -> bool:
        field = _field(model, self.column)
        return field is None or field.null or "__" in self.column


def order_of(request: Request, sort_fields: SortFields, default: str) -> Order:
    """The order a request asks for; a cursor's own order wins, an unknown ``sortBy`` falls back to the default.

    ``sort_fields`` are wire names, or wire names with their columns; ``default`` is like "-createdAt".
    """
    columns = dict(sort_fields) if isinstance(sort_fields, Mapping) else {name: to_snake(name) for name in sort_fields}
    fallback = default.lstrip("-")
    columns.setdefault(fallback, to_snake(fallback))
    asked, direction = request.query_params.get("sortBy", ""), request.query_params.get("sortOrder", "")
    if cursor := request.query_params.get("cursor"):
        asked, direction, *_ = _unpack(cursor)
        if asked not in columns:
            raise _malformed()
    if asked not in columns:
        asked, direction = fallback, direction or ("desc" if default.startswith("-") else "asc")
    return Order(asked, columns[asked], direction.lower() != "asc")


def _unpack(cursor: str) -> tuple[str, str, Any, str | int]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        name, direction, value, pk = json.loads(text)
    except (ValueError, binascii.Error, TypeError, RecursionError) as error:
        raise _malformed() from error
    kinds_fit = isinstance(name, str) and direction in {"asc", "desc"} and type(pk) in {str, int}
    texts = [part for part in (value, pk) if isinstance(part, str)]
    numbers = [part for part in (value, pk) if isinstance(part, int)]
    if not kinds_fit or type(value) not in {str, int, bool, type(None)} or not all(map(is_storable, texts)):
        raise _malformed()
    if any(abs(number) > 2**63 - 1 for number in numbers):
        raise _malformed()
    return name, direction, value, pk


def _malformed() -> Invalid:
    return Invalid("cursor", "This is not a cursor of this list; begin again without one.")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | float) else value


def _field(model: type[Model], column: str) -> Field | None:
    """The model field behind a column or a path of relations; None for an annotation."""
    field: Any = None
    for part in column.split("__"):
        try:
            field = (field.related_model if field is not None else model)._meta.get_field(part)
        except (FieldDoesNotExist, AttributeError):
            return None
    return field
