"""What comes after a step: the next one of the enrollment's version, or the end of the run. Set-based."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from campaigns.rules import main_zone
from leads.models import Lead
from retention_center.lib import clock, ids
from retention_center.lib.bulk import insert_rows, listed, update_rows
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.timing import after

STATUS = SequenceEnrollment.Status


@dataclass(slots=True)
class Finished:
    """A step of a run that is done, one way or the other."""

    enrollment: SequenceEnrollment
    lead: Lead
    step: SequenceStep


def next_step(steps: Iterable[SequenceStep], last: SequenceStep | None, done: Collection[str]) -> SequenceStep | None:
    """The first step, in order, that is on, stands after the last one and was not yet done in this run.

    ``steps`` are those of one version. The last step's place is its key's place in that version; if the version
    no longer has the key, its old order.
    """
    steps = sorted(steps, key=lambda step: step.step_order)
    place = 0
    if last is not None:
        place = next((step.step_order for step in steps if step.key == last.key), last.step_order)
        if last.key not in {step.key for step in steps}:
            place -= 1  # the step that took the removed one's place comes next
    return next((step for step in steps if step.is_active and step.step_order > place and step.key not in done), None)


def advance(finished: Sequence[Finished], now: datetime) -> int:
    """Schedule what comes next for each, or complete its run: how many runs completed.

    Call it in the transaction that closed the steps, with the leads locked. Enrollments that ended meanwhile stay
    as they are; paused ones get their next step without a due time.
    """
    going_on = [one for one in finished if one.enrollment.status in SequenceEnrollment.OPEN]
    if not going_on:
        return 0
    steps = _steps_by_version(going_on)
    done = _done_keys(going_on)

    @cache  # most runs of a batch stand at the same place
    def following(sequence_id: str, version: int, last: SequenceStep, done: frozenset[str]) -> SequenceStep | None:
        return next_step(steps[sequence_id, version], last, done)

    upcoming: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    completed: list[dict[str, Any]] = []
    for one, new_id in zip(going_on, ids.new_ids(len(going_on)), strict=True):
        enrollment = one.enrollment
        done_keys = done[enrollment.id, enrollment.run_no]
        step = following(enrollment.sequence_id, enrollment.version, one.step, frozenset(done_keys))
        row = {"id": enrollment.id, "current_step": len(done_keys)}
        if step is None:
            completed.append(row)
        else:
            moved.append(row)
            upcoming.append(schedule(enrollment, one.lead, step, now, new_id=new_id))
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


def _steps_by_version(finished: Sequence[Finished]) -> Mapping[tuple[str, int], list[SequenceStep]]:
    sequences = {one.enrollment.sequence_id for one in finished}
    versions = {one.enrollment.version for one in finished}
    steps = defaultdict(list)
    for step in SequenceStep.objects.filter(sequence__in=sequences, version__in=versions):
        steps[step.sequence_id, step.version].append(step)
    return steps


def _done_keys(finished: Sequence[Finished]) -> Mapping[tuple[str, int], set[str]]:
    """The keys of each run that have an execution; its open step is already closed."""
    rows = SequenceStepExecution.objects.filter(enrollment__in=listed([one.enrollment.id for one in finished]))
    done = defaultdict(set)
    for enrollment_id, run_no, step_key in rows.values_list("enrollment_id", "run_no", "step_key"):
        done[enrollment_id, run_no].add(step_key)
    return done
