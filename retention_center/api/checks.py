"""A system check: every address under /api/ says who may call it."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import Error, register
from django.urls import URLPattern, URLResolver, get_resolver

from retention_center.api.permissions import ByRole, Open


@register()
def api_views_name_their_callers(**_: Any) -> list[Error]:
    """Each is a REST framework view whose only permission is ByRole or Open: nothing is reachable by oversight.

    Providers' webhooks stand apart: each checks its provider's own secret or signature.
    """
    return [
        Error(f"/api/{address} has no role: its permission_classes must be [ByRole] or [Open].", id="rc.E010")
        for address, view in api_views()
        if list(getattr(view, "permission_classes", [])) not in ([ByRole], [Open]) and "webhooks/" not in address
    ]


def api_views() -> Iterator[tuple[str, Any]]:
    """(address below /api/, view class) of every pattern there."""
    for address, view in _below(get_resolver(), ""):
        if address.startswith("api/"):
            yield address.removeprefix("api/"), view


def _below(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        address = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            callback = entry.callback
            yield address, getattr(callback, "cls", None) or getattr(callback, "view_class", callback)
        else:
            yield from _below(entry, address)
