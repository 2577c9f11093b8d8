"""Columns and bulk actions of a list, declared as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy

from retention_center.models import Role

Order = str | OrderBy


@dataclass(frozen=True)
class Column:
    """One column. ``sort`` are the columns (or ``F("x").asc(nulls_first=True)``) it sorts by, none: it does not sort.

    The cell is drawn by the partial named ``key`` in the list's ``cells`` template, where the row is called ``row``.
    ``value`` gives the plain value for exports; by default the attribute named ``key``. ``place`` says where the cell
    stands when a row becomes a block on a phone: "lead", "state" or "reason"; others are hidden there. With
    ``is_extra`` the column shows only when somebody chooses it; what only acts is not ``is_exported``.
    """

    key: str
    label: str
    sort: Order | Sequence[Order] = ()
    value: Callable[[Any], object] | None = None
    is_end: bool = False
    place: str = ""
    is_extra: bool = False
    is_exported: bool = True

    @property
    def order(self) -> list[Order]:
        return [self.sort] if isinstance(self.sort, str | OrderBy) else list(self.sort)

    @property
    def css(self) -> str:
        return f"{'end ' if self.is_end else ''}{self.place}".strip()

    def export(self, row: Any) -> object:
        """The cell's plain value."""
        return self.value(row) if self.value else getattr(row, self.key, "")


@dataclass(frozen=True)
class BulkAction:
    """A button of the bulk bar. ``route`` names the view it posts ``ids`` (or ``all`` and ``query``) to."""

    label: str
    route: str
    name: str = ""
    value: str = ""
    is_danger: bool = False
    role: Role = Role.OPERATOR


@dataclass(frozen=True)
class Preset:
    """A tab that everybody has: a name and the query it stands for."""

    name: str
    query: str


def sorted_by(rows: QuerySet, columns: Sequence[Column], asked: str, default: str) -> tuple[QuerySet, str, bool]:
    """The rows in the asked order with ties broken by id: (rows, the column's key, whether it runs downwards).

    A key that is unknown or does not sort gives the default order.
    """
    by_key = {column.key: column for column in columns if column.order}
    key, downwards = _parsed(asked)
    if key not in by_key:
        key, downwards = _parsed(default)
    order = [_directed(one, downwards) for one in by_key[key].order]
    return rows.order_by(*order, "-pk" if downwards else "pk"), key, downwards


def _parsed(sort: str) -> tuple[str, bool]:
    return sort.removeprefix("-"), sort.startswith("-")


def _directed(order: Order, downwards: bool) -> Order:
    if isinstance(order, str):
        flipped = order.removeprefix("-") if order.startswith("-") else f"-{order}"
        return flipped if downwards else order
    if not downwards:
        return order
    nulls = {"nulls_first": order.nulls_last or None, "nulls_last": order.nulls_first or None}
    name = order.expression if isinstance(order.expression, F) else order.expression.copy()
    return OrderBy(name, descending=not order.descending, **nulls)
