"""Making a sequence, its settings, and its history."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from campaigns import wording
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.models import AuditEvent, Role
from retention_center.pages.forms import answer_form
from sequences import changing, history
from sequences.forms import SequenceForm, take_errors
from sequences.models import RetentionSequence
from sequences.views import record

PAGE = 50


@require_http_methods(["GET", "POST"])
@needs(Role.OPERATOR)
def sequence_new(request: HttpRequest) -> HttpResponse:
    """A new draft; its steps come next."""
    form = SequenceForm(request.POST or None)
    crumbs = [{"label": "Sequences", "href": reverse("sequences")}, {"label": "New sequence", "href": ""}]

    def save(valid: SequenceForm) -> HttpResponse:
        return _saved(
            request,
            valid,
            lambda: changing.create(RetentionSequence(**valid.values), audit.actor_of(request)),
            "is a draft. Now give it steps.",
        )

    return answer_form(request, form, "sequences/new.html", save, {"crumbs": crumbs})


@require_http_methods(["GET", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def sequence_settings(request: HttpRequest, pk: str) -> HttpResponse:
    """Name, trigger and what a reply does."""
    sequence = record.find(pk)
    form = SequenceForm(request.POST or None, instance=sequence)

    def save(valid: SequenceForm) -> HttpResponse:
        stored = record.find(pk)
        change = lambda: changing.change(stored, valid.values, audit.actor_of(request))  # noqa: E731
        return _saved(request, valid, change, "is saved.")

    context = record.context(request, record.find(pk) if request.method == "POST" else sequence, "settings", "Settings")
    context["rules"] = wording.narrowing(sequence.contact_rules)
    return answer_form(request, form, "sequences/settings.html", save, context)


def _saved(request: HttpRequest, form: SequenceForm, verb: Any, said: str) -> HttpResponse:
    try:
        sequence = verb()
    except ValidationError as error:
        take_errors(form, error)
        return HttpResponse(status=422)
    messages.success(request, f"{sequence} {said}")
    return redirect(sequence)


@require_safe
@needs(Role.VIEWER)
def sequence_history(request: HttpRequest, pk: str) -> HttpResponse:
    """Who changed what, newest first."""
    sequence = record.find(pk)
    events = AuditEvent.objects.filter(object_type="retentionsequence", object_id=sequence.pk).order_by("-pk")
    if before := request.GET.get("before", "").replace("\x00", "")[:40]:
        events = events.filter(pk__lt=before)
    found = list(events[: PAGE + 1])
    return render(
        request,
        "sequences/history.html",
        record.context(request, sequence, "history", "History")
        | {
            "days": history.by_day(found[:PAGE]),
            "earlier": found[PAGE - 1].pk if len(found) > PAGE else "",
            "is_begun": bool(before),
        },
    )
