"""The unsubscribe page, which needs no sign-in, and the list of barred addresses."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from leads import suppression
from leads import unsubscribe as links
from leads.identity import BadValue, clean_address
from leads.models import Suppression
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages.forms import PageForm, answer_form


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


class SuppressionForm(PageForm):
    address = forms.CharField(label="E-mail address or phone number", max_length=320)
    channel = forms.ChoiceField(choices=Suppression.Scope.choices, initial=Suppression.Scope.ALL)
    note = forms.CharField(max_length=255, required=False, help_text="Who asked, and where.")


@needs(Role.OPERATOR)
def suppress(request: HttpRequest) -> HttpResponse:
    """Bar an address that may or may not belong to a lead."""
    form = SuppressionForm(request.POST or None)

    def save(valid: SuppressionForm) -> HttpResponse:
        given = valid.cleaned_data
        try:
            address = clean_address(given["address"])
        except BadValue as error:
            valid.add_error("address", error.message)
            return HttpResponse()
        suppression.suppress(
            address,
            channel=given["channel"],
            reason="staff",
            source="staff",
            note=given["note"],
            now=clock.now(),
            actor=audit.actor_of(request),
        )
        messages.success(request, "The address is on the list. Nobody contacts it any more.")
        return redirect("suppressions")

    return answer_form(request, form, "leads/suppress.html", save)


@require_POST
@needs(Role.ADMIN)
def lift(request: HttpRequest, pk: str) -> HttpResponse:
    row = get_object_or_404(Suppression, pk=pk)
    if suppression.lift(row, now=clock.now(), actor=audit.actor_of(request)):
        messages.success(request, "The address may be contacted again.")
    return redirect("suppressions")
