"""The earlier texts of a script, and going back to one."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from campaigns import script_versions
from campaigns.models import Script
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.models import Role
from retention_center.pages import errors


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def script_texts(request: HttpRequest, pk: str) -> HttpResponse:
    """Every text, newest first; POST ``event`` puts one back."""
    script = get_object_or_404(Script, pk=pk)
    if request.method == "POST":
        return _put_back(request, script)
    crumbs = [
        {"label": "Scripts", "href": reverse("scripts")},
        {"label": str(script), "href": script.get_absolute_url()},
        {"label": "Versions", "href": ""},
    ]
    context = {"script": script, "versions": script_versions.of(script), "crumbs": crumbs}
    return render(request, "scripts/versions.html", context)


def _put_back(request: HttpRequest, script: Script) -> HttpResponse:
    try:
        script_versions.restore(script, request.POST.get("event", ""), audit.actor_of(request))
    except script_versions.NoSuchVersion as refusal:
        return errors.problem_page(request, "409", str(refusal), headline="Nothing was put back")
    except ValidationError as refusal:
        return errors.problem_page(request, "409", refusal.messages[0], headline="Nothing was put back")
    messages.success(request, f"{script} has the chosen text again.")
    return redirect(script)
