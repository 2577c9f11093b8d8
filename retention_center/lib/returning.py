"""Addresses that a form or a header asks us to go back to: never off our own host."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST = 2000


def own_address(request: HttpRequest, wanted: str | None) -> str:
    """``wanted`` as a path with its query, or "" when it is not an address of ours."""
    target = (wanted or "")[:LONGEST]
    if "\x00" in target:
        return ""
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(target)
    # Rebuilt from path and query alone: no spelling of a host survives, nor a path that a browser takes for one
    if not parts.path.startswith("/") or parts.path.startswith(("//", "/\\")):
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")
