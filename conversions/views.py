"""The pages of conversions."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from conversions import changing
from conversions.filters import ConversionFilters
from conversions.forms import LinkForm, NewConversionForm, moves_of
from conversions.models import Conversion
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Role
from retention_center.pages.columns import Column, Preset
from retention_center.pages.forms import answer_form
from retention_center.pages.lists import ListPage

OURS = ("history", "warnings")  # in postback_data: what the page shows elsewhere


class ConversionList(ListPage):
    """Every conversion, newest first."""

    name, title, one, many = "conversions", "Conversions", "conversion", "conversions"
    filterset_class = ConversionFilters
    cells = "conversions/_cells.html"
    columns = (
        Column("lead", "Lead", value=lambda row: str(row.lead or ""), place="lead"),
        Column("status", "Conversion", sort=("standing", "status"), place="state"),
        Column("revenue", "Revenue", sort="revenue", is_end=True, place="reason"),
        Column("currency", "Currency", is_extra=True),
        Column("campaign", "Campaign", sort="campaign__name", value=lambda row: str(row.campaign or "")),
        Column("source", "Told by", sort="source"),
        Column("sub_id", "Click", sort="sub_id", value=lambda row: row.sub_id or row.click_id),
        Column("tid", "Transaction", is_extra=True),
        Column("created", "When", sort="created_at", value=lambda row: row.created_at),
    )
    default_sort = "-created"
    presets = (
        Preset("Confirmed", "standing=confirmed"),
        Preset("Pending", "standing=pending"),
        Preset("Rejected", "standing=rejected"),
        Preset("Without a lead", "isUnmatched=true"),
    )
    search_hint = "Search by lead, click or transaction"
    template_name = "conversions/list.html"

    def extra_context(self) -> dict[str, Any]:
        return {"may_change": self.user.may(Role.OPERATOR)}

    def rows(self) -> QuerySet[Conversion]:
        return Conversion.objects.select_related("lead", "campaign").defer("lead__meta", "campaign__meta")


@require_safe
@needs(Role.VIEWER)
def conversion_page(request: HttpRequest, pk: str) -> HttpResponse:
    return render(request, "conversions/detail.html", _page_of(request, _find(pk), LinkForm()))


@require_POST
@needs(Role.OPERATOR)
def conversion_lead(request: HttpRequest, pk: str) -> HttpResponse:
    """Say whose conversion it is."""
    conversion = _find(pk)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return render(request, "conversions/detail.html", _page_of(request, conversion, form), status=422)
    lead = form.cleaned_data["lead"]
    return _change(request, conversion, {"lead_id": lead.pk}, f"It belongs to {lead} now.")


@require_POST
@needs(Role.OPERATOR)
def conversion_status(request: HttpRequest, pk: str) -> HttpResponse:
    """Confirm or reject it."""
    conversion = _find(pk)
    status = request.POST.get("status", "")
    if status not in dict(moves_of(conversion)):
        messages.error(request, f"It is {conversion.standing}, and cannot be changed like that.")
        return redirect(conversion)
    return _change(request, conversion, {"status": status}, f"It is {status} now.")


@needs(Role.OPERATOR)
def conversion_new(request: HttpRequest) -> HttpResponse:
    """Write a conversion down by hand."""
    form = NewConversionForm(request.POST or None)

    def save(form: NewConversionForm) -> HttpResponse:
        conversion, is_new = changing.add(form.given(), actor=audit.actor_of(request), now=clock.now())
        messages.success(request, "The conversion is written down." if is_new else "It was known, and is up to date.")
        return redirect(conversion)

    crumbs = [{"label": "Conversions", "href": reverse("conversions")}, {"label": "New conversion", "href": ""}]
    return answer_form(request, form, "conversions/new.html", save, {"crumbs": crumbs})


def _change(request: HttpRequest, conversion: Conversion, values: dict[str, Any], done: str) -> HttpResponse:
    try:
        changing.change(conversion, values, actor=audit.actor_of(request), now=clock.now())
        messages.success(request, done)
    except RefusedTransition as refusal:
        messages.error(request, str(refusal))
    return redirect(conversion)


def _find(pk: str) -> Conversion:
    return get_object_or_404(Conversion.objects.select_related("lead", "campaign", "contact_attempt__script"), pk=pk)


def _page_of(request: HttpRequest, conversion: Conversion, form: LinkForm) -> dict[str, Any]:
    data = conversion.postback_data
    may_change = request.user.may(Role.OPERATOR)  # type: ignore[union-attr]
    return {
        "conversion": conversion,
        "form": form,
        "may_change": may_change,
        "moves": moves_of(conversion) if may_change else [],
        "rejecting": [("status", "rejected")],
        "history": [
            entry | {"at": datetime.fromisoformat(entry["at"])} for entry in reversed(data.get("history") or [])
        ],
        "warnings": data.get("warnings") or [],
        "parameters": sorted((name, value) for name, value in data.items() if name not in OURS),
        "crumbs": [
            {"label": "Conversions", "href": reverse("conversions")},
            {"label": str(conversion.lead or conversion.sub_id or conversion.click_id or "Conversion"), "href": ""},
        ],
    }
