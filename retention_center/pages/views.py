"""Pages of the frame itself: search, preferences, error pages."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from retention_center.auth.roles import needs
from retention_center.lib.returning import own_address
from retention_center.models import Role, User
from retention_center.pages.partials import is_partial
from retention_center.pages.preferences import remember
from retention_center.pages.theme import COOKIE, THEMES, YEAR
from retention_center.search import search


@require_GET
@vary_on_headers("HX-Request")
@needs(Role.VIEWER)
def search_page(request: HttpRequest) -> HttpResponse:
    """Everything found, by kind: a whole page, or the list under the search box."""
    query = request.GET.get("q", "").replace("\x00", "").strip()
    limit = 6 if is_partial(request) else 25
    found = [(kind, list(hits)) for kind, hits in groupby(search(query, limit), key=lambda hit: hit.kind)]
    template = "pages/search.html#found" if is_partial(request) else "pages/search.html"
    return render(request, template, {"query": query, "found": found, "is_short": len(query) < 2})


@require_GET
@never_cache
@needs(Role.VIEWER)
def light(request: HttpRequest) -> HttpResponse:
    """The processor light alone, for pages that stay open."""
    return render(request, "components/light.html")


@require_POST
def theme_preference(request: HttpRequest) -> HttpResponse:
    """Keep light, dark or system; anybody may, signed in or not."""
    theme = request.POST.get("theme", "")
    theme = theme if theme in THEMES else "system"
    if isinstance(request.user, User):
        remember(request.user, "theme", theme)
    answer = _back(request)
    answer.set_cookie(COOKIE, theme, max_age=YEAR, samesite="Lax", httponly=True, secure=request.is_secure())
    return answer


@require_POST
@needs(Role.VIEWER)
def shortcut_preference(request: HttpRequest) -> HttpResponse:
    """Turn single-letter shortcuts on or off."""
    remember(request.user, "shortcuts", request.POST.get("shortcuts") == "on")  # type: ignore[arg-type]
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """To the page the form stood on; scripts, which stay where they are, get an empty answer."""
    if request.headers.get("X-Requested-With") == "fetch":
        return HttpResponse(status=204)
    return redirect(own_address(request, request.POST.get("next") or request.headers.get("Referer")) or "/")


@require_safe
def favicon(_request: HttpRequest) -> HttpResponse:
    """Where browsers look for an icon on pages that name none, such as Django admin's."""
    return redirect(static("img/favicon.svg"), permanent=True)
