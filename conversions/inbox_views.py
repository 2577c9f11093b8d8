"""The inbox page: what the outside told us, what came of it, and who decides when it fits nobody."""

from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from campaigns.models import ContactAttempt
from conversions import inbox_acts, inbox_telling
from integrations.catalogue import PROVIDERS
from integrations.filters import InboundEventFilters
from integrations.inbox import AlreadyApplied
from integrations.models import KIND_WORDS, InboundEvent
from leads.models import Lead
from retention_center import audit
from retention_center.api.text import is_storable
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages.columns import Column, Preset
from retention_center.pages.lists import ListPage

STATUS = InboundEvent.Status
CAME_OF = {  # said after staff had it tried
    STATUS.APPLIED: (messages.SUCCESS, "It is applied."),
    STATUS.WAITING: (messages.INFO, "It still waits: {}"),
    STATUS.UNMATCHED: (messages.WARNING, "It fits nobody yet: {}"),
    STATUS.REFUSED: (messages.WARNING, "It is refused: {}"),
}


def _kinds() -> list[tuple[str, str]]:
    return list(KIND_WORDS.items())


def _providers() -> list[tuple[str, str]]:
    return [(known.name, known.label) for known in PROVIDERS.values()]


class InboxList(ListPage):
    """Every inbound event, newest first."""

    name, title, one, many = "inbox", "Inbox", "event", "events"
    filterset_class = InboundEventFilters
    filter_choices = {"kind": _kinds, "provider": _providers}
    cells = "inbox/_cells.html"
    columns = (
        Column("what", "What came", value=lambda row: row.what, place="lead"),
        Column("status", "State", sort="status", place="state"),
        Column("reason", "Why", value=lambda row: row.reason, place="reason"),
        Column("whom", "Whom it speaks of", value=lambda row: row.lead_id),
        Column("provider", "From", sort="provider", value=inbox_telling.provider_of),
        Column("reference", "Reference", value=lambda row: row.provider_ref, is_extra=True),
        Column("tries", "Tries", sort="tries", is_end=True, is_extra=True),
        # Ids are made in the order of time: the newest come first without a sort over all of them
        Column("received", "Received", sort="id", value=lambda row: row.received_at),
    )
    default_sort = "-received"
    presets = (
        Preset("For staff", "status=UNMATCHED,REFUSED"),
        Preset("Waiting", "status=WAITING"),
        Preset("Unmatched", "status=UNMATCHED"),
        Preset("Refused", "status=REFUSED"),
    )
    search_hint = "A provider’s reference, or words of the reason"
    template_name = "inbox/list.html"

    def rows(self) -> QuerySet[InboundEvent]:
        return InboundEvent.objects.defer("payload")

    @cached_property
    def page_rows(self) -> list[Any]:
        """Each row with whom it speaks of."""
        rows = super().page_rows
        for row, one in zip(rows, inbox_telling.told(rows), strict=True):
            row.told = one
        return rows


@require_safe
@needs(Role.VIEWER)
def event_page(request: HttpRequest, pk: str) -> HttpResponse:
    """One event; with ``?q=`` also whom it might speak of."""
    event = get_object_or_404(InboundEvent, pk=pk)
    told = inbox_telling.told([event])[0]
    text = request.GET.get("q", "").strip()
    may_link = request.user.may(Role.OPERATOR) and event.status != STATUS.APPLIED  # type: ignore[union-attr]
    page = {
        "event": event,
        "told": told,
        "has_provider_page": event.provider in PROVIDERS,
        "meaning": inbox_telling.MEANINGS[STATUS(event.status)],
        "facts": inbox_telling.lines(event.facts),
        "payload": inbox_telling.lines(event.payload),
        "may_link": may_link,
        "text": text,
        "candidates": inbox_telling.candidates(event, text, clock.now()) if may_link and is_storable(text) else [],
        "crumbs": [{"label": "Inbox", "href": reverse("inbox")}, {"label": event.what, "href": ""}],
    }
    return render(request, "inbox/event.html", page)


@require_POST
@needs(Role.OPERATOR)
def event_replay(request: HttpRequest, pk: str) -> HttpResponse:
    """Try it again now."""
    event = get_object_or_404(InboundEvent, pk=pk)
    try:
        inbox_acts.replay(event, audit.actor_of(request))
    except AlreadyApplied as refusal:
        messages.error(request, str(refusal))
    else:
        _say(request, event)
    return redirect("inbox-event", event.pk)


@require_POST
@needs(Role.OPERATOR)
def event_link(request: HttpRequest, pk: str) -> HttpResponse:
    """Say whom it speaks of: a lead, or one of its contacts."""
    event = get_object_or_404(InboundEvent, pk=pk)
    lead_id, attempt_id = _id_of(request, "lead", Lead), _id_of(request, "attempt", ContactAttempt)
    if not lead_id and not attempt_id:
        messages.error(request, "Choose a lead or a contact that is still there.")
        return redirect("inbox-event", event.pk)
    try:
        inbox_acts.link(event, lead_id=lead_id, attempt_id=attempt_id, actor=audit.actor_of(request))
    except AlreadyApplied as refusal:
        messages.error(request, str(refusal))
    else:
        _say(request, event)
    return redirect("inbox-event", event.pk)


def _id_of(request: HttpRequest, name: str, model: type[Lead] | type[ContactAttempt]) -> str:
    given = request.POST.get(name, "")
    return given if is_storable(given) and model._default_manager.filter(pk=given).exists() else ""


def _say(request: HttpRequest, event: InboundEvent) -> None:
    level, sentence = CAME_OF[STATUS(event.status)]
    messages.add_message(request, level, sentence.format(event.reason))
