"""Pages are for people who are signed in, unless named here; with an Auth Center every request proves it anew."""

from collections.abc import Callable

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from retention_center.auth import signing_in, sso
from retention_center.auth.people import Refused
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


def _to(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect; htmx, which would follow it inside the page, is told to leave the page."""
    if "HX-Request" in request.headers:
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    answer = redirect(address)
    answer.headers["Cache-Control"] = "no-store"
    return answer
