"""Activating, pausing, archiving and deleting a sequence."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from retention_center import audit
from retention_center.api.paging import capped_count
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Role
from retention_center.pages import errors, undo
from retention_center.pages.words import plural
from sequences import changing, forecast_job, forecast_words, publishing, triggers
from sequences.changing import CannotActivate, CannotChange
from sequences.models import RetentionSequence
from sequences.views import record

STATUS = RetentionSequence.Status


@require_http_methods(["GET", "POST"])
@needs(Role.OPERATOR)
def activation(request: HttpRequest, pk: str) -> HttpResponse:
    """The checklist and the one question before a sequence starts: only new matches, or also those who match now."""
    sequence = record.find(pk)
    if request.method == "POST":
        return _activate(request, sequence)
    if STATUS.ACTIVE not in sequence.allowed_moves():
        return errors.problem_page(request, "409", f"{sequence} is {sequence.get_status_display().lower()}.")
    return render(request, "sequences/activation.html", _activation_context(request, sequence))


def _activate(request: HttpRequest, sequence: RetentionSequence) -> HttpResponse:
    takes_existing = request.POST.get("existing") == "all"
    was_paused = sequence.status == STATUS.PAUSED
    try:
        actor = audit.actor_of(request)
        changing.move(sequence, STATUS.ACTIVE, takes_existing=takes_existing, now=clock.now(), actor=actor)
    except RefusedTransition as refusal:
        return errors.problem_page(request, "409", str(refusal))
    except CannotActivate:
        return render(request, "sequences/activation.html", _activation_context(request, sequence), status=422)
    if was_paused:
        undo.offer(request, f"{sequence} is active again.", reverse("sequence-pause", args=[sequence.pk]))
    else:
        messages.success(request, f"{sequence} is active. Its first steps leave with the processor’s next round.")
    return redirect(sequence)


def _activation_context(request: HttpRequest, sequence: RetentionSequence) -> dict[str, Any]:
    asks = sequence.activated_at is None and sequence.trigger_type != RetentionSequence.Trigger.MANUAL
    matching, is_capped = capped_count(triggers.matching(sequence, clock.now())) if asks else (0, False)
    more = "more than " if is_capped else ""
    foreseen = forecast_job.latest(sequence.pk)
    return record.context(request, sequence, "steps", "Activate") | {
        "checks": publishing.checklist(sequence),
        "asks": asks,
        "matching": matching,
        "matching_in_words": more + plural(matching, "lead matches", "leads match"),
        "foreseen": forecast_words.headline(foreseen.result) if foreseen else "",
        "foreseen_at": datetime.fromisoformat(foreseen.result["computed_at"]) if foreseen else None,
    }


@require_POST
@needs(Role.OPERATOR)
def sequence_pause(request: HttpRequest, pk: str) -> HttpResponse:
    return _move(request, pk, STATUS.PAUSED, "is paused. Nothing of it is sent until it is active again.")


@require_POST
@needs(Role.OPERATOR)
def sequence_archive(request: HttpRequest, pk: str) -> HttpResponse:
    return _move(request, pk, STATUS.ARCHIVED, "is archived. Who was in it has left it.")


def _move(request: HttpRequest, pk: str, status: str, said: str) -> HttpResponse:
    sequence = record.find(pk)
    try:
        changing.move(sequence, status, now=clock.now(), actor=audit.actor_of(request))
    except RefusedTransition as refusal:
        return errors.problem_page(request, "409", str(refusal))
    if status == STATUS.PAUSED:
        undo.offer(request, f"{sequence} {said}", reverse("sequence-activation", args=[pk]))
    else:
        messages.success(request, f"{sequence} {said}")
    return redirect(sequence)


@require_POST
@needs(Role.OPERATOR)
def sequence_delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a sequence nobody was ever in."""
    sequence = record.find(pk)
    try:
        changing.delete(sequence, audit.actor_of(request))
    except CannotChange as refusal:
        return errors.problem_page(request, "409", str(refusal), headline="This sequence is kept")
    messages.success(request, f"{sequence} is deleted.")
    return redirect("sequences")
