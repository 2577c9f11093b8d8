"""Addresses under /api/ that do not exist."""

from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from retention_center.api.permissions import Open
from retention_center.api.views import WireView


@extend_schema(exclude=True)
class UnknownAddress(WireView):
    """404 as a problem, whatever the method and whoever asks."""

    authentication_classes: list[Any] = []
    permission_classes = [Open]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        is_slashed = request.path.rstrip("/") not in {"", "/api", request.path}
        raise NotFound(f"There is nothing at this address{'; none here ends in a slash' if is_slashed else ''}.")

    post = put = patch = delete = head = get
