"""Pages are for people who are signed in, unless named here; with an Auth Center every request proves it anew."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect

from retention_center.auth import signing_in, sso, table
from retention_center.auth.people import Refused
from retention_center.auth.roles import require
from retention_center.models import User
from retention_center.pages.errors import problem_page

# Open to everybody, or guarded in another way: the API by REST framework, /u/ by its signed token
OPEN_PREFIXES = ("/api/", "/auth/", "/static/", "/u/")
OPEN_PATHS = frozenset({"/api", "/healthz", "/readyz", "/metrics", "/favicon.ico", "/robots.txt", "/preferences/theme"})


class SignInMiddleware:
    """Knows who asks, and sends those who may not see a page to sign in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_open = request.path in OPEN_PATHS or request.path.startswith(OPEN_PREFIXES)
        if sso.is_on():
            try:
                sso.verify(request, may_begin=not is_open)
            except Refused as refusal:
                request.user = AnonymousUser()
                if not is_open:
                    return problem_page(request, "403", str(refusal), href="/auth/signed-out", action="Sign out")
        if is_open:
            return self.get_response(request)
        if not isinstance(request.user, User):
            return _to(request, signing_in.address_for(request))
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        """Keep the page to its line of the table, before it looks anything up."""
        found = request.resolver_match
        if found is None or found.namespace or request.path.startswith("/api/"):
            return None  # Django's admin and the API ask for themselves
        verbs = table.verbs_of(found.url_name)
        if verbs is None:
            if declared_role(view) is None:
                raise PermissionDenied("Nobody may open this page yet: no role is set for it.")
            return None
        who = verbs.get("GET" if request.method == "HEAD" else request.method or "")
        if who is None:
            return HttpResponseNotAllowed([*verbs, "HEAD"] if "GET" in verbs else [*verbs])
        if (role := table.needed(who)) is not None:
            require(request, role)
        return None


def declared_role(view: Any) -> Any:
    """The role that the view itself asks for: by ``needs``, or as a list page."""
    return getattr(view, "needed_role", None) or getattr(getattr(view, "view_class", None), "needed_role", None)


def _to(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect; htmx, which would follow it inside the page, is told to leave the page."""
    if "HX-Request" in request.headers:
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    answer = redirect(address)
    answer.headers["Cache-Control"] = "no-store"
    return answer
