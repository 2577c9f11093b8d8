"""People move to another version of the steps: nobody repeats a step, nobody vanishes. Set-based.

A step in flight is never touched: when it is settled its run goes on in the version it follows by then, and when it
comes back to wait, `repoint` points it at that version.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F

from campaigns.reasons import Reason
from campaigns.rules import main_zone
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.bulk import update_rows
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.places import Course, Waiting, standings
from sequences.timing import after

STATUS = SequenceStepExecution.Status
CHUNK = 1000
NOT_HELD = {"held_reason": "", "held_until": None, "held_since": None}


def move_people(sequence: RetentionSequence, steps: Sequence[SequenceStep], now: datetime) -> None:
    """Everybody who is in it goes on in ``steps``, whichever version they followed: also those pinned before.

    Call it in the publishing transaction; it locks the leads, a chunk at a time and in their order.
    """
    course = Course(sequence.pk, steps)
    open_ids = list(sequence.enrollments.open().order_by("lead_id").values_list("pk", flat=True))
    for start in range(0, len(open_ids), CHUNK):
        chunk = open_ids[start : start + CHUNK]
        leads = {lead.pk: lead for lead in Lead.objects.filter(sequence_enrollments__in=chunk).locked()}
        # Read again under the locks: some may have ended since
        enrollments = SequenceEnrollment.objects.open().in_bulk(chunk)
        SequenceEnrollment.objects.filter(pk__in=enrollments).update(version=sequence.version)
        _point(enrollments, leads, course, now)


def repoint(execution_ids: Collection[str], now: datetime) -> int:
    """Steps that came back from flight to wait follow their enrollment's version: how many did not before.

    For whoever returns executions to SCHEDULED (a retry, a 429, a call never made), in the same transaction and
    with the leads locked. A step that is still in the version keeps the time it was given; one that is gone gives
    way to the next, or the run completes. One cheap query when nothing was published meanwhile.
    """
    back = SequenceStepExecution.objects.scheduled().filter(pk__in=execution_ids, run_no=F("enrollment__run_no"))
    stale = back.filter(enrollment__status__in=SequenceEnrollment.OPEN).exclude(step__version=F("enrollment__version"))
    enrollment_ids = list(stale.values_list("enrollment_id", flat=True))
    if not enrollment_ids:
        return 0
    by_version: dict[tuple[str, int], dict[str, SequenceEnrollment]] = defaultdict(dict)
    leads = {}
    for one in SequenceEnrollment.objects.filter(pk__in=enrollment_ids).select_related("lead"):
        by_version[one.sequence_id, one.version][one.pk] = one
        leads[one.lead_id] = one.lead
    for (sequence_id, version), enrollments in by_version.items():
        steps = SequenceStep.objects.filter(sequence=sequence_id, version=version)
        _point(enrollments, leads, Course(sequence_id, list(steps)), now, keeps_time=True)
    return len(enrollment_ids)


def _point(
    enrollments: Mapping[str, SequenceEnrollment],
    leads: Mapping[str, Lead],
    course: Course,
    now: datetime,
    *,
    keeps_time: bool = False,
) -> None:
    """Point each waiting step at its successor. ``keeps_time``: a new delay of the same step changes nothing now."""
    kept, retimed, moved, completed = [], [], [], []
    for enrollment_id, standing in standings(SequenceStepExecution.objects.filter(enrollment__in=enrollments)).items():
        waiting, target = standing.waiting, course.next_for(standing)
        if waiting is None:
            continue
        enrollment = enrollments[enrollment_id]
        row = {"id": waiting.execution_id, "fence": waiting.fence}
        if target is None:
            completed.append(waiting.execution_id)
            continue
        row["step"] = target.pk
        if target.key == waiting.key and (keeps_time or delay_of(target) == waiting.delay):
            kept.append(row)
            continue
        row |= _times(waiting, target, enrollment, leads[enrollment.lead_id], now)
        if target.key == waiting.key:
            retimed.append(row)
        else:  # what went wrong with the step before says nothing about this one
            moved.append(row | {"step_key": target.key, "failures": 0, "last_error": ""})
    for rows in (kept, retimed, moved):
        update_rows(SequenceStepExecution, rows, match=("fence",), status=STATUS.SCHEDULED)
    _complete(completed, now)


def delay_of(step: SequenceStep) -> tuple[int, str]:
    return step.delay_value, step.delay_unit


def _times(
    waiting: Waiting, step: SequenceStep, enrollment: SequenceEnrollment, lead: Lead, now: datetime
) -> dict[str, Any]:
    """The step's own delay counts from where the wait began; what that puts in the past is due now.

    Whom staff have to release because of an outage stays held: new steps are no way around the late rule.
    """
    began = enrollment.last_step_at or enrollment.enrolled_at
    scheduled_at = max(after(began, step.delay_value, step.delay_unit, main_zone(lead)), now)
    if waiting.held_reason == Reason.LATE:
        hold = {"held_reason": waiting.held_reason, "held_until": None, "held_since": waiting.held_since}
        return {"scheduled_at": scheduled_at, "due_at": None, **hold}
    is_due = enrollment.status == SequenceEnrollment.Status.ACTIVE
    return {"scheduled_at": scheduled_at, "due_at": scheduled_at if is_due else None, **NOT_HELD}


def _complete(execution_ids: Sequence[str], now: datetime) -> None:
    rows = SequenceStepExecution.objects.filter(pk__in=execution_ids, status=STATUS.SCHEDULED)
    enrollments = SequenceEnrollment.objects.open().filter(executions__in=execution_ids)
    enrollment_ids = list(enrollments.values_list("pk", flat=True))
    rows.update(status=STATUS.SKIPPED, reason=Reason.STEP_REMOVED, executed_at=now, due_at=None, **NOT_HELD)
    SequenceEnrollment.objects.filter(pk__in=enrollment_ids).update(
        status=SequenceEnrollment.Status.COMPLETED, completed_at=now, reason=Reason.STEP_REMOVED, updated_at=clock.now()
    )
