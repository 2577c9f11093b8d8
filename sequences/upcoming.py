"""What sequences have open for a lead."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.urls import reverse

from campaigns.delivery.work import WorkItem
from campaigns.outlook import Upcoming
from campaigns.reasons import Reason
from leads.models import Lead
from sequences.condition_facts import judge, step_numbers
from sequences.condition_words import in_words
from sequences.due_steps import item_of
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution


def of_lead(lead: Lead, _now: datetime) -> list[Upcoming]:
    """Open steps in the processor's order, their conditions judged; one query, and those that conditions ask."""
    steps = lead.step_executions.filter(status__in=SequenceStepExecution.OPEN)
    related = ("enrollment", "sequence", "step__script__campaign")
    rows = list(steps.select_related(*related).order_by("sequence_id"))
    items = [item_of(row, lead, row.step, row.sequence) for row in rows]
    judge(items)
    conditions = _conditions(rows)
    return [_of_step(row, item, conditions.get(row.pk, "")) for row, item in zip(rows, items, strict=True)]


def _of_step(row: SequenceStepExecution, item: WorkItem, only_if: str) -> Upcoming:
    return Upcoming(
        item=item,
        owner=row.sequence,
        name=f"Step {row.step.step_order}",
        href=row.enrollment.get_absolute_url(),
        looked_at=None if _rests_for(row) else row.due_at,
        held_reason=_rests_for(row) or row.held_reason,
        held_since=row.held_since,
        is_in_flight=row.status == SequenceStepExecution.Status.PENDING,
        failures=row.failures,
        only_if=only_if,
        change=_change_of(row.enrollment),
        judge_anew=partial(_judge_anew, item) if row.step.conditions else None,
    )


def _change_of(enrollment: SequenceEnrollment) -> tuple[str, str]:
    verb = "resume" if enrollment.status == SequenceEnrollment.Status.PAUSED else "pause"
    return verb.capitalize(), reverse("enrollment-change", args=[enrollment.pk, verb])


def _judge_anew(item: WorkItem) -> None:
    item.conditions_hold = True
    judge([item])


def _rests_for(row: SequenceStepExecution) -> str:
    """Why the processor does not look at the step at all; blank when it does, or when staff hold it."""
    if row.enrollment.status == SequenceEnrollment.Status.PAUSED:
        return Reason.ENROLLMENT_PAUSED
    if row.sequence.status != RetentionSequence.Status.ACTIVE and row.due_at:
        return Reason.SEQUENCE_PAUSED
    return ""


def _conditions(rows: Sequence[SequenceStepExecution]) -> dict[str, str]:
    """The conditions of those that have any, as "if step 1 was clicked"; a query where there are any."""
    conditional = [row for row in rows if row.step.conditions]
    if not conditional:
        return {}
    siblings = SequenceStep.objects.filter(sequence__in={row.sequence_id for row in conditional})
    by_version: dict[tuple[str, int], list[SequenceStep]] = {}
    for step in siblings:
        by_version.setdefault((step.sequence_id, step.version), []).append(step)
    found = {}
    for row in conditional:
        numbers = step_numbers(by_version.get((row.sequence_id, row.step.version), []))
        words = in_words(row.step.conditions, numbers)
        found[row.pk] = words[:1].lower() + words[1:]
    return found
