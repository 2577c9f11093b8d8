"""Who may open a page. Signing in is the middleware's job; a role too low gets the 403 page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from retention_center.models import Role

View = Callable[..., HttpResponseBase]


def needs(role: Role, *, write: Role | None = None) -> Callable[[View], View]:
    """The view asks for ``role``, and for ``write`` (default: the same) on anything but GET and HEAD."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            needed = role if request.method in {"GET", "HEAD"} else write or role
            require(request, needed)
            return view(request, *args, **kwargs)

        guarded.needed_role = (role, write or role)  # type: ignore[attr-defined]
        return guarded

    return guard


def require(request: HttpRequest, role: Role) -> None:
    """Raise PermissionDenied, with a sentence for the 403 page, unless the user's role covers ``role``."""
    if not request.user.may(role):  # type: ignore[union-attr]
        raise PermissionDenied(f"This needs the role {role.label.lower()}; ask an admin.")
