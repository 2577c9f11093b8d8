"""A small site to try the page base on: one list, one form, one page that fails."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import include, path

from campaigns.models import Campaign
from leads.models import Lead
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, WireFilterSet, WordsFilter
from retention_center.auth.roles import needs
from retention_center.models import Role
from retention_center.pages.columns import BulkAction, Column, Preset
from retention_center.pages.forms import VersionedForm, answer_form
from retention_center.pages.lists import ListPage
from retention_center.search import Hit


class SampleFilter(WireFilterSet):
    search_fields = ("last_name", "email")
    status = ChoicesFilter(choices=Lead.Status.choices, label="Status")
    source = WordsFilter("source", label="Source")
    campaign_id = WordsFilter("campaign_leads__campaign", label="Campaign")
    created_from = FromFilter("created_at", label="Added from")
    created_to = ToFilter("created_at", label="Added to")

    class Meta:
        model = Lead
        fields: tuple[str, ...] = ()


class SampleList(ListPage):
    name, title, one, many = "samples", "Samples", "lead", "leads"
    filterset_class = SampleFilter
    cells = "sample_cells.html"
    columns = (
        Column("name", "Lead", sort="last_name", value=str, place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("source", "Source", sort=F("source").asc(nulls_first=True)),
        Column("phone", "Phone", is_extra=True),
    )
    default_sort = "name"
    presets = (Preset("Do not contact", "status=DO_NOT_CONTACT"),)
    bulk_actions = (BulkAction("Greet", "sample-bulk"),)
    filter_choices: ClassVar = {"campaignId": lambda: Campaign.objects.values_list("pk", "name")}

    def rows(self) -> QuerySet:
        return Lead.objects.present()


@needs(Role.OPERATOR)
def bulk(request: HttpRequest) -> HttpResponse:
    picked = SampleList.selection(request)
    return HttpResponse(f"{picked.count} {picked.is_everything} {picked.query}")


class SampleForm(VersionedForm):
    class Meta:
        model = Lead
        fields = ("first_name", "source")


@needs(Role.VIEWER, write=Role.OPERATOR)
def edit(request: HttpRequest, pk: str) -> HttpResponse:
    form = SampleForm(request.POST or None, instance=get_object_or_404(Lead, pk=pk))

    def save(valid: SampleForm) -> HttpResponse:
        valid.save()
        return redirect("/samples/")

    return answer_form(request, form, "sample_form.html", save)


@needs(Role.VIEWER)
def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a page that fails")


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def find(query: str, limit: int) -> list[Hit]:
    """What a SEARCHES entry looks like."""

    rows = Lead.objects.filter(last_name__icontains=query)[:limit]
    return [Hit("Leads", str(row), row.email or "", f"/samples/{row.pk}/") for row in rows]


urlpatterns = [
    path("", include("retention_center.pages.urls")),
    path("", include("retention_center.auth.urls")),
    path("admin/", admin.site.urls),
    path("samples/", SampleList.as_view(), name="leads"),
    path("samples/bulk", bulk, name="sample-bulk"),
    path("samples/<str:pk>/", edit, name="lead"),
    path("samples/<str:pk>/edit", edit, name="lead-edit"),  # the table of roles lets only this name be posted to
    path("fails/", fail),
    path("sending/stop", nothing, name="sending-pause"),
    path("sending/go-on", nothing, name="sending-resume"),
]
handler400 = "retention_center.pages.errors.bad_request"
handler403 = "retention_center.pages.errors.denied"
handler404 = "retention_center.pages.errors.not_found"
handler500 = "retention_center.pages.errors.server_error"
