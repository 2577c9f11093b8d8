"""What the doctor may mend in sequences' rows. Each is audited, and finds nothing when it is asked again.

Nothing here sends: a step that is added or released is due, and passes every gate when the processor looks at it.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Coalesce

from campaigns.reasons import Reason
from leads.models import Lead
from retention_center import audit
from retention_center.doctor import ACTOR
from retention_center.lib import clock
from retention_center.lib.bulk import insert_rows
from sequences.advancing import Finished, advance, schedule
from sequences.enrolling import CLOSED
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.moving import repoint
from sequences.places import first_step

AT_ONCE = 500
Status = SequenceStepExecution.Status


def add_missing_steps(found: QuerySet[SequenceEnrollment], now: datetime) -> int:
    """Give runs without an open step the one that comes next, or complete them: how many were mended."""
    mended = 0
    for enrollments in _slices(found):
        with transaction.atomic():
            leads = _locked(enrollments)
            lost = list(found.filter(pk__in=[one.pk for one in enrollments]))
            for enrollment in lost:
                _go_on(enrollment, leads[enrollment.lead_id], now)
            _audit(lost, {"repair": "the step that comes next"})
            mended += len(lost)
    return mended


def _go_on(enrollment: SequenceEnrollment, lead: Lead, now: datetime) -> None:
    done = SequenceStepExecution.objects.filter(enrollment=enrollment, run_no=enrollment.run_no)
    last = done.select_related("step").order_by("executed_at", "pk").last()
    if last is not None:
        advance([Finished(enrollment, lead, last.step)], now)
        return
    steps = SequenceStep.objects.filter(sequence=enrollment.sequence_id, version=enrollment.version)
    if first := first_step(steps):
        insert_rows(SequenceStepExecution, [schedule(enrollment, lead, first, now)])
    else:
        enrollment.move_to(SequenceEnrollment.Status.COMPLETED, completed_at=now)


def close_waiting_steps(found: QuerySet[SequenceEnrollment], now: datetime) -> int:
    """Leave out what still waits of runs that have ended: how many steps."""
    closed = 0
    for enrollments in _slices(found):
        with transaction.atomic():
            _locked(enrollments)
            ids = [one.pk for one in enrollments]
            waiting = SequenceStepExecution.objects.scheduled().filter(enrollment__in=ids)
            ended = waiting.exclude(Q(enrollment__status__in=SequenceEnrollment.OPEN, run_no=F("enrollment__run_no")))
            closed += SequenceStepExecution.objects.filter(pk__in=ended.values("pk")).update(
                status=Status.SKIPPED, reason=Reason.ENROLLMENT_ENDED.value, executed_at=now, **CLOSED
            )
            _audit(enrollments, {"repair": "steps that still waited"})
    return closed


def date_completed(found: QuerySet[SequenceEnrollment], _now: datetime) -> int:
    """A completed run without its time takes that of its last step, else of its last change."""
    return _change(found.filter(completed_at=None), completed_at=Coalesce(F("last_step_at"), F("updated_at")))


def recount_steps(found: QuerySet[SequenceEnrollment], _now: datetime) -> int:
    """Count anew how many steps of the run are done."""
    closed = Q(executions__run_no=F("run_no")) & ~Q(executions__status__in=SequenceStepExecution.OPEN)
    changed = 0
    for enrollments in _slices(found):
        with transaction.atomic():
            _locked(enrollments)
            ids = [one.pk for one in enrollments]
            counted = SequenceEnrollment.objects.filter(pk__in=ids).annotate(done=Count("executions", filter=closed))
            for enrollment in counted:
                changed += SequenceEnrollment.objects.filter(pk=enrollment.pk).update(current_step=enrollment.done)
            _audit(enrollments, {"repair": "the number of steps done"})
    return changed


def follow_version(found: QuerySet[SequenceStepExecution], now: datetime) -> int:
    """Point waiting steps at the version their run follows, or complete the runs that have nothing left in it."""
    changed = 0
    for rows in _slices(found):
        with transaction.atomic():
            list(Lead.objects.filter(pk__in={row.lead_id for row in rows}).locked().values_list("pk"))
            changed += repoint([row.pk for row in rows], now)
            _audit(rows, {"repair": "the step of the version that the run follows"})
    return changed


def look_again(found: QuerySet[SequenceStepExecution], _now: datetime) -> int:
    """Give forgotten steps a time to be looked at: the one they were meant for, or the end of their hold."""
    return _change(found, due_at=Coalesce(F("held_until"), F("scheduled_at")))


def end_leases(found: QuerySet[SequenceStepExecution], _now: datetime) -> int:
    """End leases that no worker can have taken (a clock stood wrong): reconciliation then looks into the steps."""
    return _change(found, lease_until=clock.db_now())


def _change(found: QuerySet, **changes: object) -> int:
    changed = 0
    for rows in _slices(found):
        with transaction.atomic():
            changed += found.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(**changes)
            _audit(rows, {"repair": ", ".join(changes)})
    return changed


def _slices(found: QuerySet) -> list[list]:
    rows = list(found.order_by("pk"))
    return [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]


def _locked(enrollments: Sequence[SequenceEnrollment]) -> dict[str, Lead]:
    return {lead.pk: lead for lead in Lead.objects.filter(pk__in={one.lead_id for one in enrollments}).locked()}


def _audit(rows: Sequence, after: dict[str, str]) -> None:
    audit.record_many(ACTOR, "repair", [(row, {}, after) for row in rows])
