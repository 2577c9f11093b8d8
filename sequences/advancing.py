"""What comes after a step: the next one of the enrollment's version, or the end of the run. Set-based."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.rules import main_zone
from leads.models import Lead
from retention_center.lib import clock, ids
from retention_center.lib.bulk import insert_rows, listed, update_rows
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.places import Course
from sequences.timing import after

STATUS = SequenceEnrollment.Status


@dataclass(slots=True)
class Finished:
    """A step of a run that is done, one way or the other; what follows waits from ``wanted_at``, if that is later."""

    enrollment: SequenceEnrollment
    lead: Lead
    step: SequenceStep
    wanted_at: datetime | None = None


def advance(finished: Sequence[Finished], now: datetime) -> int:
    """Schedule what comes next for each, or complete its run: how many runs completed.

    Call it in the transaction that closed the steps, with the leads locked. Enrollments that ended meanwhile stay
    as they are; paused ones get their next step without a due time.
    """
    going_on = [one for one in finished if one.enrollment.status in SequenceEnrollment.OPEN]
    if not going_on:
        return 0
    courses = _courses(going_on)
    done = _done_keys(going_on)

    following: dict[tuple[Any, ...], SequenceStep | None] = {}  # most runs of a batch stand at the same place
    upcoming: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    completed: list[dict[str, Any]] = []
    for one, new_id in zip(going_on, ids.new_ids(len(going_on)), strict=True):
        enrollment = one.enrollment
        done_keys = frozenset(done[enrollment.id, enrollment.run_no])
        course = (enrollment.sequence_id, enrollment.version)
        place = (course, one.step.id, done_keys)
        if place not in following:
            following[place] = courses[course].after(one.step, done_keys)
        step = following[place]
        row = {"id": enrollment.id, "current_step": len(done_keys)}
        if step is None:
            completed.append(row)
        else:
            moved.append(row)
            begins = max(now, one.wanted_at) if one.wanted_at else now
            upcoming.append(schedule(enrollment, one.lead, step, begins, new_id=new_id))
    stepped = {"last_step_at": now, "updated_at": clock.now()}
    update_rows(SequenceEnrollment, moved, same=stepped)
    ended = {"status": STATUS.COMPLETED, "completed_at": now, "reason": ""}
    update_rows(SequenceEnrollment, completed, same=stepped | ended)
    insert_rows(SequenceStepExecution, upcoming)
    return len(completed)


def schedule(
    enrollment: SequenceEnrollment, lead: Lead, step: SequenceStep, now: datetime, *, new_id: str = ""
) -> dict[str, Any]:
    """The row of a step that begins to wait at ``now``, for `insert_rows`."""
    due = after(now, step.delay_value, step.delay_unit, main_zone(lead))
    return {
        "id": new_id or ids.new_id(),
        "enrollment": enrollment.id,
        "sequence": enrollment.sequence_id,
        "lead": lead.id,
        "step": step.id,
        "step_key": step.key,
        "run_no": enrollment.run_no,
        "scheduled_at": due,
        "due_at": due if enrollment.status == STATUS.ACTIVE else None,
    }


def _courses(finished: Sequence[Finished]) -> Mapping[tuple[str, int], Course]:
    """The steps of every version that is followed."""
    followed = {(one.enrollment.sequence_id, one.enrollment.version) for one in finished}
    steps: dict[tuple[str, int], list[SequenceStep]] = {version: [] for version in followed}
    sequences, versions = {sequence for sequence, _ in followed}, {version for _, version in followed}
    for step in SequenceStep.objects.filter(sequence__in=sequences, version__in=versions):
        if (step.sequence_id, step.version) in steps:
            steps[step.sequence_id, step.version].append(step)
    return {(sequence_id, version): Course(sequence_id, of_it) for (sequence_id, version), of_it in steps.items()}


def _done_keys(finished: Sequence[Finished]) -> Mapping[tuple[str, int], set[str]]:
    """The keys of each run that have an execution; its open step is already closed."""
    rows = SequenceStepExecution.objects.filter(enrollment__in=listed([one.enrollment.id for one in finished]))
    done = defaultdict(set)
    for enrollment_id, run_no, step_key in rows.values_list("enrollment_id", "run_no", "step_key"):
        done[enrollment_id, run_no].add(step_key)
    return done
