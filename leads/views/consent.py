"""The unsubscribe page, which needs no sign-in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from leads import unsubscribe as links
from retention_center.lib import clock


@never_cache
@csrf_exempt  # mail programs post here with neither page nor cookie (RFC 8058); the signed token is the proof
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET only shows a button, because scanners follow links; POST unsubscribes, at once, as often as it comes."""
    link = links.read(token)
    if link is None:
        return render(request, "leads/unsubscribe.html", {"state": "unknown"}, status=404)
    if request.method != "POST":
        return render(request, "leads/unsubscribe.html", {"state": "ask"})
    links.unsubscribe(link, now=clock.now())
    return render(request, "leads/unsubscribe.html", {"state": "done"})
