"""Who is in a sequence: entering, pausing, resuming, leaving. Every change takes the lead's lock first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.policy import ENDS_BY_ITSELF
from campaigns.reasons import Reason
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.bulk import insert_rows, update_rows
from retention_center.lib.states import RefusedTransition
from sequences.advancing import schedule
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.places import first_step

STATUS = SequenceEnrollment.Status
CHUNK = 1000

ALREADY_ENROLLED = "already_enrolled"
UNKNOWN_LEAD = "unknown_lead"
CLOSED = {"due_at": None, "held_reason": "", "held_until": None, "held_since": None}


class CannotEnroll(Exception):
    """The sequence takes nobody in; the text says what to do."""


@dataclass(slots=True)
class Enrolled:
    """How many entered, and who did not and why: (lead id, reason code)."""

    enrolled: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


def enroll(
    sequence: RetentionSequence, lead_ids: Sequence[str], *, now: datetime, source: str, actor: Actor
) -> Enrolled:
    """Let leads enter. Whoever is in already, or may not be contacted, is left out with a reason.

    Somebody whose run has ended enters again as a new run of the same row (INV-17); triggers pass only people who
    were never in. A buyer may be enrolled again, but only by hand.
    """
    _first_step(sequence)
    result = Enrolled()
    wanted = list(dict.fromkeys(lead_ids))
    for start in range(0, len(wanted), CHUNK):
        _enroll_chunk(sequence.pk, wanted[start : start + CHUNK], now, source, result)
    if source != SequenceEnrollment.Source.TRIGGER and result.enrolled:
        audit.record(actor, "enroll", sequence, after={"enrolled": result.enrolled, "skipped": len(result.skipped)})
    return result


def _first_step(sequence: RetentionSequence) -> SequenceStep:
    if sequence.status == RetentionSequence.Status.ARCHIVED:
        raise CannotEnroll(f"{sequence} is archived; nobody can enter it.")
    first = first_step(sequence.live_steps())
    if first is None:
        raise CannotEnroll(f"{sequence} has no step that is on; add one first.")
    return first


@transaction.atomic
def _enroll_chunk(sequence_id: str, lead_ids: list[str], now: datetime, source: str, result: Enrolled) -> None:
    # Locked before the leads, as publishing does: nobody enters a version that people are being moved from
    sequence = RetentionSequence.objects.select_for_update(no_key=True).get(pk=sequence_id)
    first = _first_step(sequence)
    leads = {lead.pk: lead for lead in Lead.objects.filter(pk__in=lead_ids).locked()}
    standing = {row.lead_id: row for row in sequence.enrollments.filter(lead__in=leads)}
    entering: list[SequenceEnrollment] = []
    again: list[SequenceEnrollment] = []
    for lead_id in lead_ids:
        lead, before = leads.get(lead_id), standing.get(lead_id)
        if refusal := _refusal(lead, before):
            result.skipped.append((lead_id, refusal))
        elif before is None:
            entering.append(_new(sequence, lead_id, now, source))
        else:
            again.append(_entering_again(before, sequence, now, source))
    SequenceEnrollment.objects.bulk_create(entering, batch_size=500)
    update_rows(SequenceEnrollment, [_row(enrollment) for enrollment in again])
    first_steps = [schedule(one, leads[one.lead_id], first, now) for one in (*entering, *again)]
    insert_rows(SequenceStepExecution, first_steps)
    result.enrolled += len(first_steps)


def _refusal(lead: Lead | None, before: SequenceEnrollment | None) -> str:
    if lead is None or lead.deleted_at is not None:
        return UNKNOWN_LEAD
    if lead.status == Lead.Status.DO_NOT_CONTACT:
        return str(Reason.DO_NOT_CONTACT)
    return ALREADY_ENROLLED if before is not None and before.status in SequenceEnrollment.OPEN else ""


def _new(sequence: RetentionSequence, lead_id: str, now: datetime, source: str) -> SequenceEnrollment:
    return SequenceEnrollment(
        sequence=sequence, lead_id=lead_id, version=sequence.version, enrolled_at=now, source=source
    )


def _entering_again(
    enrollment: SequenceEnrollment, sequence: RetentionSequence, now: datetime, source: str
) -> SequenceEnrollment:
    enrollment.status, enrollment.reason = STATUS.ACTIVE, ""
    enrollment.run_no += 1
    enrollment.version = sequence.version
    enrollment.current_step = 0
    enrollment.enrolled_at, enrollment.completed_at, enrollment.last_step_at = now, None, None
    enrollment.source = source
    return enrollment


def _row(enrollment: SequenceEnrollment) -> dict[str, Any]:
    names = ("id", "status", "reason", "run_no", "version", "current_step", "enrolled_at", "completed_at")
    row = {name: getattr(enrollment, name) for name in (*names, "last_step_at", "source")}
    return row | {"updated_at": clock.now()}


# One enrollment, by staff ----------------------------------------------------------------------------------------


@transaction.atomic
def pause(enrollment: SequenceEnrollment, *, actor: Actor) -> None:
    """Nothing is sent after the commit; a step in flight may still finish."""
    _locked(enrollment)
    before = enrollment.status
    enrollment.move_to(STATUS.PAUSED)
    _open_steps([enrollment.pk]).filter(status=SequenceStepExecution.Status.SCHEDULED).update(due_at=None)
    _record_move(actor, "pause", enrollment, before)


@transaction.atomic
def resume(enrollment: SequenceEnrollment, *, actor: Actor) -> None:
    """The waiting step goes on from where it stood: nothing repeated, nothing lost.

    Somebody whose run has ended is not resumed but enrolled again.
    """
    _locked(enrollment)
    if enrollment.status != STATUS.PAUSED:
        allowed = enrollment.allowed_moves() if enrollment.status in SequenceEnrollment.OPEN else ()
        raise RefusedTransition(f"{enrollment} is {enrollment.status}, not paused.", allowed)
    enrollment.move_to(STATUS.ACTIVE)
    for step in _open_steps([enrollment.pk]).filter(status=SequenceStepExecution.Status.SCHEDULED):
        by_itself = not step.held_reason or step.held_until or step.held_reason in ENDS_BY_ITSELF
        due_at = max(step.scheduled_at, step.held_until or step.scheduled_at) if by_itself else None
        SequenceStepExecution.objects.filter(pk=step.pk, fence=step.fence).update(due_at=due_at)
    _record_move(actor, "resume", enrollment, STATUS.PAUSED)


@transaction.atomic
def cancel(enrollment: SequenceEnrollment, *, now: datetime, actor: Actor) -> int:
    """Take the lead out of the sequence: how many waiting steps that stopped."""
    _locked(enrollment)
    if STATUS.CANCELLED not in SequenceEnrollment.MOVES[enrollment.status]:
        raise RefusedTransition(f"{enrollment} is {enrollment.status}; it has ended already.", ())
    before = enrollment.status
    stopped = end_runs([enrollment], STATUS.CANCELLED, Reason.CANCELLED, now)
    enrollment.refresh_from_db()
    _record_move(actor, "cancel", enrollment, before)
    return stopped


def _record_move(actor: Actor, action: str, enrollment: SequenceEnrollment, before: str) -> None:
    audit.record(actor, action, enrollment, before={"status": str(before)}, after={"status": str(enrollment.status)})


# All enrollments of leads, by what happened to them ---------------------------------------------------------------


def stop_for_lead(lead_ids: Sequence[str], reason: str, now: datetime) -> int:
    """The leads went off: cancel what is ACTIVE or PAUSED; how many waiting steps stopped.

    In settings.LEAD_WENT_OFF: runs in the caller's transaction, which holds the leads' locks.
    """
    return _end_for(lead_ids, STATUS.CANCELLED, reason, now)


def convert_leads(lead_ids: Sequence[str], now: datetime) -> int:
    """The leads converted: end what is ACTIVE or PAUSED as CONVERTED (INV-16). Same promise as `stop_for_lead`."""
    return _end_for(lead_ids, STATUS.CONVERTED, Reason.CONVERTED, now)


def _end_for(lead_ids: Sequence[str], status: str, reason: str, now: datetime) -> int:
    return end_runs(list(SequenceEnrollment.objects.open().filter(lead__in=lead_ids)), status, reason, now)


def end_runs(enrollments: Sequence[SequenceEnrollment], status: str, reason: str, now: datetime) -> int:
    """End runs and their waiting steps; a step in flight is recorded when it ends, and then leads nowhere."""
    ids = [enrollment.pk for enrollment in enrollments]
    changes = {"status": status, "reason": str(reason), "completed_at": now, "updated_at": clock.now()}
    SequenceEnrollment.objects.open().filter(pk__in=ids).update(**changes)
    waiting = _open_steps(ids).filter(status=SequenceStepExecution.Status.SCHEDULED)
    return waiting.update(status=SequenceStepExecution.Status.SKIPPED, reason=str(reason), executed_at=now, **CLOSED)


def _open_steps(enrollment_ids: Sequence[str]) -> Any:
    return SequenceStepExecution.objects.open().filter(enrollment__in=enrollment_ids)


def _locked(enrollment: SequenceEnrollment) -> None:
    """Take the lead's lock, then read the enrollment as it stands under it."""
    list(Lead.objects.filter(pk=enrollment.lead_id).locked())
    enrollment.refresh_from_db()
