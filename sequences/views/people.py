"""Who is in a sequence: the list, changing many, and one enrollment."""

from collections.abc import Iterable
from functools import cached_property
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from campaigns.reasons import sentence_of
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Role
from retention_center.pages import errors, undo
from retention_center.pages.columns import BulkAction, Column, Preset
from retention_center.pages.lists import ListPage
from retention_center.pages.words import plural
from sequences import bulk
from sequences.bulk import BadQuery
from sequences.condition_facts import step_numbers
from sequences.condition_words import in_words
from sequences.filters import EnrollmentFilters
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.views import record

STATUS = SequenceEnrollment.Status
OPPOSITE = {"pause": "resume", "resume": "pause"}
DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}


class EnrollmentList(ListPage):
    """Everybody who ever entered; the newest first."""

    name, title, one, many = "enrollments", "Enrollments", "enrollment", "enrollments"
    filterset_class = EnrollmentFilters
    cells = "sequences/_enrollment_cells.html"
    template_name = "sequences/enrollments.html"
    search_hint = "Lead’s name, e-mail or phone"
    columns = (
        Column(
            "lead", "Lead", sort=("lead__last_name", "lead__first_name"), value=lambda row: str(row.lead), place="lead"
        ),
        Column("status", "Status", sort="status", place="state"),
        Column("next", "Next step and why", value=lambda row: next_in_words(row), place="reason"),
        Column("done", "Steps done", sort="current_step", value=lambda row: row.current_step, is_end=True),
        Column("entered", "Entered", sort="enrolled_at", value=lambda row: row.enrolled_at),
        Column("ended", "Ended", sort="completed_at", value=lambda row: row.completed_at, is_extra=True),
        Column("run", "Run", sort="run_no", value=lambda row: row.run_no, is_end=True, is_extra=True),
    )
    default_sort = "-entered"
    presets = tuple(Preset(status.label, f"status={status}") for status in STATUS)
    bulk_actions = (
        BulkAction("Pause", "enrollments-change", "do", "pause"),
        BulkAction("Resume", "enrollments-change", "do", "resume"),
        BulkAction("Cancel", "enrollments-change", "do", "cancel", is_danger=True),
    )

    @cached_property
    def sequence(self) -> RetentionSequence:
        return record.find(self.kwargs["pk"])

    @property
    def allowed_bulk_actions(self) -> list[tuple[BulkAction, str]]:
        href = reverse("enrollments-change", args=[self.kwargs["pk"]])
        return [(action, href) for action in self.bulk_actions if self.user.may(action.role)]

    def rows(self) -> QuerySet[SequenceEnrollment]:
        upcoming = SequenceStepExecution.objects.open().select_related("step__script")
        enrollments = SequenceEnrollment.objects.filter(sequence_id=self.kwargs["pk"]).select_related(
            "lead", "sequence"
        )
        return enrollments.prefetch_related(Prefetch("executions", queryset=upcoming, to_attr="upcoming"))

    def extra_context(self) -> dict[str, Any]:
        return record.context(self.request, self.sequence, "enrollments", "Enrollments")


def next_in_words(enrollment: SequenceEnrollment) -> str:
    """For exports: the waiting step's time, or why there is none."""
    if not enrollment.upcoming:  # type: ignore[attr-defined]
        return sentence_of(enrollment.reason) if enrollment.reason else "Nothing planned"
    step = enrollment.upcoming[0]  # type: ignore[attr-defined]
    held = f" ({sentence_of(step.held_reason)})" if step.held_reason else ""
    return (
        f"Step {step.step.step_order}, {step.step.channel}, {(step.held_until or step.scheduled_at).isoformat()}{held}"
    )


@require_POST
@needs(Role.OPERATOR)
def enrollments_change(request: HttpRequest, pk: str) -> HttpResponse:
    """Pause, resume or cancel the selected enrollments; many as a job."""
    sequence, change = record.find(pk), request.POST.get("do", "")
    if change not in bulk.CHANGES:
        return errors.problem_page(request, "400", "Say whether to pause, resume or cancel.")
    try:
        bulk.enrollments_matching(sequence, request.POST.get("query", ""))
    except BadQuery as bad:
        return errors.problem_page(request, "400", str(bad))
    picked = EnrollmentList.selection(request, pk=pk)
    if not picked.count:
        messages.error(request, f"Select the enrollments to {change}.")
        return redirect("sequence-enrollments", pk)
    actor = audit.actor_of(request)
    if picked.count > bulk.AT_ONCE:
        job = bulk.enqueue_changing(sequence, change, ids=picked.ids, query=picked.query, total=picked.count, by=actor)
        return redirect("sequence-job", pk, job.pk)
    chosen = list(picked.rows.order_by("lead_id"))
    changed, skipped = bulk.change_all(chosen, change, now=clock.now(), actor=actor)
    said = told(changed, skipped, "enrollment", DONE[change])
    if change in OPPOSITE and not skipped:
        href = reverse("enrollments-change", args=[pk])
        undo.offer(request, said, href, do=OPPOSITE[change], ids=[one.pk for one in chosen])
    else:
        messages.success(request, said)
    return redirect("sequence-enrollments", pk)


def told(count: int, skipped: dict[str, int], one: str, done: str) -> str:
    """ "12 enrollments paused; 3 left out: not active, so there was nothing to pause 3." """
    said = f"{plural(count, one)} {done}"
    why = ", ".join(f"{bulk.in_words(reason).lower()} {n:,}" for reason, n in skipped.items())
    return f"{said}; {sum(skipped.values()):,} left out: {why}." if skipped else f"{said}."


# One enrollment ----------------------------------------------------------------------------------------------------


def _enrollment(pk: str) -> SequenceEnrollment:
    return get_object_or_404(SequenceEnrollment.objects.select_related("lead", "sequence"), pk=pk)


@require_safe
@needs(Role.VIEWER)
def enrollment_page(request: HttpRequest, pk: str) -> HttpResponse:
    """One lead's way through the sequence, run by run, every step with its reason."""
    enrollment = _enrollment(pk)
    executions = list(enrollment.executions.select_related("step__script").order_by("-run_no", "-scheduled_at", "-pk"))
    sequence = enrollment.sequence
    allowed = enrollment.allowed_moves() if enrollment.status in SequenceEnrollment.OPEN else ()
    upcoming = next((one for one in executions if one.status in SequenceStepExecution.OPEN), None)
    context = {
        "enrollment": enrollment,
        "sequence": sequence,
        "runs": _runs(executions),
        "next": upcoming,
        "only": _only(upcoming) if upcoming else "",
        "waits_for_staff": enrollment.executions.waiting_for_staff().exists(),
        "why": sentence_of(enrollment.reason) if enrollment.reason else "",
        "may_change": request.user.may(Role.OPERATOR),  # type: ignore[union-attr]
        "can": {"pause": STATUS.PAUSED in allowed, "resume": STATUS.ACTIVE in allowed, "cancel": bool(allowed)},
        "crumbs": [
            {"label": "Sequences", "href": reverse("sequences")},
            {"label": str(sequence), "href": sequence.get_absolute_url()},
            {"label": "Enrollments", "href": reverse("sequence-enrollments", args=[sequence.pk])},
            {"label": str(enrollment.lead), "href": ""},
        ],
    }
    return render(request, "sequences/enrollment.html", context)


def _only(upcoming: SequenceStepExecution) -> str:
    """The conditions of a step to come: "only if step 1 was not clicked". A query where there are any."""
    step = upcoming.step
    if not step.conditions:
        return ""
    steps = SequenceStep.objects.filter(sequence=step.sequence_id, version=step.version)
    words = in_words(step.conditions, step_numbers(steps))
    return f"only {words[0].lower()}{words[1:]}"


def _runs(executions: Iterable[SequenceStepExecution]) -> list[tuple[int, list[SequenceStepExecution]]]:
    return [(run, list(group)) for run, group in groupby(executions, key=lambda one: one.run_no)]


@require_POST
@needs(Role.OPERATOR)
def enrollment_change(request: HttpRequest, pk: str, change: str) -> HttpResponse:
    """Pause, resume or cancel one."""
    if change not in bulk.CHANGES:
        raise Http404("There is no such change.")
    enrollment = _enrollment(pk)
    try:
        bulk.change_one(enrollment, change, now=clock.now(), actor=audit.actor_of(request))
    except RefusedTransition as refusal:
        return errors.problem_page(request, "409", str(refusal))
    said = f"{enrollment.lead} is {DONE[change]} in {enrollment.sequence}."
    if change in OPPOSITE:
        href = reverse("enrollment-change", args=[pk, OPPOSITE[change]])
        undo.offer(request, said, href, back=request.POST.get("back", ""))
    else:
        messages.success(request, said)
    return redirect(enrollment.lead if request.POST.get("back") == "lead" else enrollment)
