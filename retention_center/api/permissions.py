"""Who may do what: a role for every action, denied by default."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, AllowAny, BasePermission
from rest_framework.request import Request

from retention_center.models import Role


class ByRole(BasePermission):
    """The caller's role must cover the one the view asks for.

    A view's ``roles`` maps an action ("destroy") or, for views without actions, a method ("post") to a role.
    What it does not name takes viewers for reading and operators for everything else.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.user is None or not request.user.is_authenticated:
            return False
        needed = needed_role(view, request.method or "")
        self.message = f"This needs the role {needed.label.lower()}."
        return request.user.may(needed)


class Open(AllowAny):
    """Anybody may call: the view checks a secret of its own, or holds nothing secret."""


def needed_role(view: Any, method: str) -> Role:
    roles = getattr(view, "roles", {})
    for name in (getattr(view, "action", None), method.lower()):
        if name in roles:
            return roles[name]
    return Role.VIEWER if method in SAFE_METHODS else Role.OPERATOR
