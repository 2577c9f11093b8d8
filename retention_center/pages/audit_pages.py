"""The audit's pages: everything that was changed, one event in full, and the history of one thing."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from retention_center.audit_filters import AuditFilters, people_choices
from retention_center.auth.roles import needs, require
from retention_center.models import AuditEvent, Role
from retention_center.pages.audit_words import changes_of, in_short, kind_choices, kind_of, line_of, thing_address
from retention_center.pages.columns import Column, Preset
from retention_center.pages.lists import ListPage

PAGE = 50


class AuditList(ListPage):
    """Who changed what, newest first."""

    name, title, one, many = "audit", "Audit", "change", "changes"
    filterset_class = AuditFilters
    filter_choices = {"actorId": people_choices, "objectType": kind_choices}
    cells = "audit/_cells.html"
    columns = (
        Column("thing", "What", value=lambda row: row.object_label or row.object_id, place="lead"),
        Column("at", "When", sort=("at",), place="state"),
        Column("what", "Did", value=lambda row: row.action),
        Column("who", "Who", value=lambda row: row.actor_name, place="reason"),
        Column("change", "Before and after", value=in_short),
        Column("kind", "Kind", value=lambda row: kind_of(row.object_type).label, is_extra=True),
        Column("via", "By way of", value=lambda row: row.via, is_extra=True),
        Column("id", "Id of the thing", value=lambda row: row.object_id, is_extra=True),
        Column("request", "Request", value=lambda row: row.request_id, is_extra=True),
    )
    default_sort = "-at"
    presets = (
        Preset("By the API", "via=api"),
        Preset("Integrations", "objectType=integrationconfig"),
        Preset("People and keys", "objectType=user,apikey"),
    )
    search_hint = "Who, or the name of the thing"
    needed_role = Role.ADMIN
    template_name = "audit/list.html"

    def rows(self) -> QuerySet[AuditEvent]:
        return AuditEvent.objects.all()


@require_safe
@needs(Role.ADMIN)
def audit_event(request: HttpRequest, pk: str) -> HttpResponse:
    """One change with every value before and after."""
    event = get_object_or_404(AuditEvent.objects.select_related("actor"), pk=pk)
    crumbs = [{"label": "Audit", "href": reverse("audit")}, {"label": str(event), "href": ""}]
    context = {
        "event": event,
        "kind": kind_of(event.object_type),
        "changes": changes_of(event),
        "thing_url": thing_address(event),
        "crumbs": crumbs,
    }
    return render(request, "audit/event.html", context)


@require_safe
@needs(Role.VIEWER)
def thing_history(request: HttpRequest, object_type: str, pk: str) -> HttpResponse:
    """What was changed of one thing, newest first. People and keys are for admins."""
    kind = kind_of(object_type)
    require(request, kind.role)
    events = AuditEvent.objects.filter(object_type=object_type, object_id=pk).order_by("-at", "-pk")
    newest = events.first()
    if newest is None:
        raise Http404("Nothing of this is on record.")
    return render(request, "audit/history.html", _history(request, kind.label, newest, events))


def _history(request: HttpRequest, kind: str, newest: AuditEvent, events: QuerySet[AuditEvent]) -> dict[str, Any]:
    asked = request.GET.get("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked) else 1
    found = list(events[(page - 1) * PAGE : page * PAGE + 1])
    thing_url = thing_address(newest)
    return {
        "kind": kind,
        "newest": newest,
        "thing_url": thing_url,
        "lines": [line_of(event) for event in found[:PAGE]],
        "earlier": page + 1 if len(found) > PAGE else None,
        "crumbs": [
            {"label": newest.object_label or newest.object_id, "href": thing_url or ""},
            {"label": "History", "href": ""},
        ],
    }
