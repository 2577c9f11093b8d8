"""Lists in pages: by number for people, by cursor for programs that read on and on."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api.problems import Invalid
from retention_center.api.sorting import order_of

PAGE_SIZE, LARGEST_PAGE_SIZE = 20, 200
LAST_PAGE = 1_000_000
CAP = 10_000


def capped_count(queryset: QuerySet, cap: int = CAP) -> tuple[int, bool]:
    """How many rows match, counted no further than ``cap``; and whether there are more."""
    counted = queryset.order_by()[: cap + 1].count()
    return min(counted, cap), counted > cap


class WirePagination(BasePagination):
    """Answers ``{data, total, page, pageSize, totalPages, nextCursor}``.

    The order comes from the view's ``sort_fields`` and ``default_sort``. Totals of filtered lists stop at 10,000.
    """

    def paginate_queryset(self, queryset: QuerySet, request: Request, view: Any = None) -> list[Any]:
        self.page = _number(request, "page", 1, LAST_PAGE)
        self.page_size = min(_number(request, "pageSize", PAGE_SIZE, LAST_PAGE), LARGEST_PAGE_SIZE)
        order = order_of(request, view.sort_fields, view.default_sort)
        is_filtered = getattr(view, "is_filtered", True)
        self.total, self.is_capped = capped_count(queryset) if is_filtered else (queryset.order_by().count(), False)
        rows = order.apply(queryset)
        if cursor := request.query_params.get("cursor"):
            start, rows = 0, order.after(rows, cursor)
        else:
            start = (self.page - 1) * self.page_size
        found = list(rows[start : start + self.page_size + 1])
        shown = found[: self.page_size]
        self.next_cursor = order.cursor_at(shown[-1]) if len(found) > len(shown) else None
        return shown

    def get_paginated_response(self, data: Any) -> Response:
        body = {
            "data": data,
            "total": self.total,
            "page": self.page,
            "pageSize": self.page_size,
            "totalPages": -(-self.total // self.page_size),
            "nextCursor": self.next_cursor,
        }
        return Response(body | ({"totalIsCapped": True} if self.is_capped else {}))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        known = ", ".join(view.sort_fields)
        return [
            _parameter(
                "page", {"type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": 1}, "Counted from 1."
            ),
            _parameter(
                "pageSize",
                {"type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": PAGE_SIZE},
                f"More than {LARGEST_PAGE_SIZE} gives {LARGEST_PAGE_SIZE}.",
            ),
            _parameter("sortBy", {"type": "string"}, f"One of: {known}. Anything else gives {view.default_sort}."),
            _parameter("sortOrder", {"type": "string"}, "asc or desc (default)."),
            _parameter(
                "cursor",
                {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
                "nextCursor of the page before: goes on there, stably and deep.",
            ),
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0}
        members = {
            "data": schema,
            "total": number,
            "totalIsCapped": {"type": "boolean", "description": "There are more matches than total says."},
            "page": number,
            "pageSize": number,
            "totalPages": number,
            "nextCursor": {"type": ["string", "null"]},
        }
        return {
            "type": "object",
            "properties": members,
            "required": [name for name in members if name != "totalIsCapped"],
        }


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise Invalid(name, f"{name} must be a whole number from 1 to {most}.")
    return int(text)


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
