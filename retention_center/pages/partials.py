"""Whether htmx wants a piece of a page or the whole of it."""

from typing import Any

from django.http import HttpRequest


def is_partial(request: HttpRequest) -> bool:
    """True for htmx asking for a piece. Such views say ``Vary: HX-Request``, or Back may show half a page."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def pick_template(request: HttpRequest, template: str, partial: str) -> str:
    """``template``, or its ``{% partialdef partial %}`` when htmx asks for a piece."""
    return f"{template}#{partial}" if is_partial(request) else template
