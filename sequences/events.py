"""A lead's steps and enrollments as its timeline tells them: what is planned, held, skipped, and why."""

from datetime import datetime
from typing import Any

from campaigns.reasons import sentence_of
from leads.models import Lead
from leads.timeline import CHANNEL_NAMES, NOT_SENT, OTHER, Event
from retention_center.pages.statuses import status_of
from retention_center.pages.words import plural
from sequences.models import SequenceEnrollment, SequenceStepExecution

STATUS = SequenceStepExecution.Status
UNTOLD = (STATUS.SCHEDULED, STATUS.SKIPPED)  # whatever attempt they once had


def of_lead(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    """Steps without an attempt, and enrollments. A step that was tried is told by its attempt.

    No query for what ``leads.timeline.load`` has loaded already.
    """
    return _steps(lead, before, limit) + _enrollments(lead, before, limit)


def _steps(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    if before:
        older = lead.step_executions.filter(scheduled_at__lt=before)
        related = older.select_related("sequence", "step__script", "enrollment")
        steps = list(related.order_by("-scheduled_at", "-id")[: limit + 1])
    else:
        steps = lead.newest_steps  # type: ignore[attr-defined]
    return [step_as_event(step) for step in steps if step.status in UNTOLD or not step.contact_attempt_id]


def step_as_event(step: SequenceStepExecution) -> Event:
    """One step that is still to come, or never was sent."""
    is_open = step.status in SequenceStepExecution.OPEN
    outcome, detail = _told(step)
    shown = status_of("SequenceStepExecution", "HELD" if is_open and step.held_reason else step.status)
    return Event(
        at=_at(step, is_open=is_open),
        kind=OTHER if is_open else NOT_SENT,
        what=f"{CHANNEL_NAMES[step.step.channel]}{_script(step)}",
        mark=shown.shape,
        tone=shown.tone,
        outcome=outcome,
        detail=detail,
        origin=f"{step.sequence.name}, step {step.step.step_order}",
        origin_href=step.enrollment.get_absolute_url(),
        happened=False,
        is_planned=is_open,
        object_type="execution",
        object_id=step.pk,
    )


def _at(step: SequenceStepExecution, *, is_open: bool) -> datetime:
    if is_open:
        return step.held_until or step.due_at or step.scheduled_at
    return step.executed_at or step.scheduled_at


def _script(step: SequenceStepExecution) -> str:
    return f" “{step.step.script.name}”" if step.step.script else ""


def _told(step: SequenceStepExecution) -> tuple[str, str]:
    if step.status == STATUS.PENDING:
        return "is being sent", ""
    if step.status == STATUS.SCHEDULED and step.held_reason:
        until = "" if step.held_until else " until staff decide"
        times = f" Put off {plural(step.hold_count, 'time')}." if step.hold_count > 1 else ""
        return f"held{until}", f"{sentence_of(step.held_reason)}.{times}"
    if step.status == STATUS.SCHEDULED:
        tried = f"Tried {plural(step.failures, 'time')}; the provider refused it." if step.failures else ""
        depends = "Only if its conditions hold then." if step.step.conditions else ""
        return "planned", f"{tried} {depends}".strip()
    return step.get_status_display().lower(), step.why if step.reason else ""


def _enrollments(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    rows = lead.enrollments  # type: ignore[attr-defined]
    events = [event for row in rows[: limit + 1] for event in enrollment_as_events(row)]
    return [event for event in events if before is None or event.at < before]


def enrollment_as_events(enrollment: SequenceEnrollment) -> list[Event]:
    """The entering, and the end where it has ended."""
    name, href = enrollment.sequence.name, enrollment.get_absolute_url()
    again = f" again, run {enrollment.run_no}" if enrollment.run_no > 1 else ""
    ids: dict[str, Any] = {"object_type": "enrollment", "object_id": enrollment.pk}
    entered = Event(
        enrollment.enrolled_at, OTHER, f"Enrolled in {name}{again}", "ring-dot", "good",
        detail=f"Version {enrollment.version}.", origin=enrollment.get_source_display().lower(), origin_href=href,
        **ids,
    )  # fmt: skip
    if enrollment.status in SequenceEnrollment.OPEN or not enrollment.completed_at:
        return [entered]
    shown = status_of("SequenceEnrollment", enrollment.status)
    words = {"COMPLETED": f"Finished {name}", "CONVERTED": f"Left {name}: converted"}
    ended = Event(
        enrollment.completed_at, OTHER, words.get(enrollment.status, f"Left {name}"), shown.shape, shown.tone,
        detail=sentence_of(enrollment.reason) if enrollment.reason else "", origin=shown.word, origin_href=href, **ids,
    )  # fmt: skip
    return [ended, entered]
