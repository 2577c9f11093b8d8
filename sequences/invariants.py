"""The doctor's part for sequences: nobody is lost in one, and nobody is in it twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from leads.models import Lead
from retention_center import doctor
from retention_center.doctor import ALARM, Check
from sequences import repairs, triggers
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.models.enrollment import SequenceStepExecutionQuerySet
from sequences.processor import OVERDUE_AFTER

Status = SequenceStepExecution.Status
UNDER_WAY = timedelta(minutes=1)  # an intent's transaction may have read the sequence this long before it wrote
MISSED_WITHIN = timedelta(days=30)


def _of_this_run() -> SequenceStepExecutionQuerySet:
    return SequenceStepExecution.objects.filter(enrollment=OuterRef("pk"), run_no=OuterRef("run_no"))


# Written by hand: their statuses must stand in the statement, or SQLite leaves the index of open steps aside; and
# CROSS JOIN holds it to reading the large tables in the order in which they lie.
_RUNS, _STEPS, _WORK = (model._meta.db_table for model in (SequenceEnrollment, SequenceStep, SequenceStepExecution))
_OPEN_STEP = "x.enrollment_id = e.id AND x.run_no = e.run_no AND x.status IN ('SCHEDULED', 'PENDING')"
_IS_OPEN = "e.status IN ('ACTIVE', 'PAUSED')"


def _without_a_step(_now: datetime) -> QuerySet[SequenceEnrollment]:
    sql = f"SELECT e.id FROM {_RUNS} e LEFT JOIN {_WORK} x ON {_OPEN_STEP} WHERE {_IS_OPEN} AND x.id IS NULL"
    return doctor.where(SequenceEnrollment, sql)


def _scheduled_after_the_end(_now: datetime) -> QuerySet[SequenceEnrollment]:
    """A step in flight may outlive its enrollment's end; a waiting one must not, nor one of an earlier run."""
    sql = (
        f"SELECT e.id FROM {_WORK} x CROSS JOIN {_RUNS} e WHERE x.status = 'SCHEDULED' AND e.id = x.enrollment_id"
        f" AND (NOT {_IS_OPEN} OR e.run_no <> x.run_no)"
    )
    return doctor.where(SequenceEnrollment, sql)


def _completed_without_an_end(_now: datetime) -> QuerySet[SequenceEnrollment]:
    completed = SequenceEnrollment.objects.filter(status=SequenceEnrollment.Status.COMPLETED)
    return completed.filter(Q(completed_at=None) | Exists(_of_this_run().open()))


def _ended_without_a_reason(_now: datetime) -> QuerySet[SequenceEnrollment]:
    return SequenceEnrollment.objects.filter(status=SequenceEnrollment.Status.CANCELLED, reason="")


def _while_paused(_now: datetime) -> QuerySet[ContactAttempt]:
    """Intents after their enrollment was paused (under the lead's lock), or well after their sequence was (INV-8)."""
    enrollments = Q(step_executions__enrollment__status=SequenceEnrollment.Status.PAUSED)
    enrollments &= Q(recorded_at__gt=F("step_executions__enrollment__updated_at"))
    return ContactAttempt.objects.filter(enrollments)


def _while_sequence_paused(_now: datetime) -> QuerySet[ContactAttempt]:
    paused = Q(step_executions__sequence__status=RetentionSequence.Status.PAUSED)
    since = F("step_executions__sequence__updated_at") + UNDER_WAY
    return ContactAttempt.objects.filter(paused, recorded_at__gt=since)


def _unleased(_now: datetime) -> QuerySet[SequenceStepExecution]:
    pending = SequenceStepExecution.objects.filter(status=Status.PENDING)
    return pending.filter(Q(lease_until=None) | Q(claimed_by="") | Q(fence=0))


def _strangers(_now: datetime) -> QuerySet[SequenceStepExecution]:
    """Steps of another sequence, rows whose own columns disagree with their enrollment's, or of a run to come."""
    sql = (
        f"SELECT x.id FROM {_RUNS} e CROSS JOIN {_WORK} x CROSS JOIN {_STEPS} s"
        " WHERE x.enrollment_id = e.id AND s.id = x.step_id AND (s.sequence_id <> x.sequence_id"
        " OR x.sequence_id <> e.sequence_id OR x.lead_id <> e.lead_id OR x.run_no > e.run_no)"
    )
    return doctor.where(SequenceStepExecution, sql)


def _of_another_version(_now: datetime) -> QuerySet[SequenceStepExecution]:
    """Steps that wait though they are not of the version their run follows: `moving` should have pointed them at it."""
    edited = RetentionSequence.objects.filter(version__gt=1).values("pk")
    waiting = SequenceStepExecution.objects.scheduled().filter(sequence__in=edited, run_no=F("enrollment__run_no"))
    open_ones = waiting.filter(enrollment__status__in=SequenceEnrollment.OPEN)
    return open_ones.exclude(step__version=F("enrollment__version"))


def _miscounted(_now: datetime) -> QuerySet[SequenceEnrollment]:
    """Open runs that have not done as many steps as they say."""
    done = "x.enrollment_id = e.id AND x.run_no = e.run_no AND x.status NOT IN ('SCHEDULED', 'PENDING')"
    sql = (
        f"SELECT e.id FROM {_RUNS} e LEFT JOIN {_WORK} x ON {done} WHERE {_IS_OPEN}"
        " GROUP BY e.id HAVING e.current_step <> COUNT(x.id)"
    )
    return doctor.where(SequenceEnrollment, sql)


def _without_a_reason(_now: datetime) -> QuerySet[SequenceStepExecution]:
    closed = SequenceStepExecution.objects.filter(status__in=[Status.SKIPPED, Status.FAILED])
    return closed.filter(reason="")


def _without_the_condition(_now: datetime) -> QuerySet[SequenceStepExecution]:
    """Left out for a condition, and nobody can say for which."""
    left_out = SequenceStepExecution.objects.filter(status=Status.SKIPPED, reason=Reason.CONDITION_NOT_MET)
    return left_out.exclude(result__has_key=SequenceStepExecution.CONDITION_IN_WORDS)


def _overdue(now: datetime) -> QuerySet[SequenceStepExecution]:
    due = SequenceStepExecution.objects.due(now - OVERDUE_AFTER)
    return due.filter(sequence__in=RetentionSequence.objects.running())


def _forgotten(_now: datetime) -> QuerySet[SequenceStepExecution]:
    """Waiting without a time, though neither staff nor a pause hold it: nobody would ever look at it again."""
    timeless = SequenceStepExecution.objects.scheduled().filter(due_at=None)
    for_staff = SequenceStepExecution.objects.waiting_for_staff().values("pk")
    return timeless.filter(enrollment__status=SequenceEnrollment.Status.ACTIVE).exclude(pk__in=for_staff)


def _stuck(now: datetime) -> QuerySet[SequenceStepExecution]:
    patience = timedelta(seconds=settings.SETTLE_SECONDS + 120)
    return SequenceStepExecution.objects.filter(status=Status.PENDING, lease_until__lt=now - patience)


def _leased_for_ever(now: datetime) -> QuerySet[SequenceStepExecution]:
    """A lease that ends later than any lease can: a clock stood wrong, and nobody would look into the step."""
    longest = timedelta(seconds=2 * settings.LEASE_SECONDS)
    return SequenceStepExecution.objects.filter(status=Status.PENDING, lease_until__gt=now + longest)


def _missed(now: datetime) -> list[Lead]:
    """Leads behind the cursor of a trigger that would take them, and who are not in its sequence (INV-20).

    Looked for among those that changed since the trigger was last changed itself, and within a month. A cursor
    stays before whoever waits for another day.
    """
    missed: list[Lead] = []
    for sequence in RetentionSequence.objects.triggered().filter(changed_cursor__isnull=False):
        since = max(sequence.enrolls_from or sequence.updated_at, sequence.updated_at, now - MISSED_WITHIN)
        behind = Q(matched_at__gte=since, matched_at__lte=sequence.changed_cursor)
        if sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION:
            behind &= Q(created_at__lte=sequence.age_cursor or since)
        missed += triggers.newcomers(sequence, now).filter(behind)[:100]
    return missed


Found = Callable[[datetime], QuerySet[Any]]


def _by(mend: Callable[[QuerySet[Any], datetime], int], found: Found) -> Callable[[datetime], int]:
    """A repair of what a check finds."""
    return lambda now: mend(found(now), now)


CHECKS = [
    Check(
        "INV-7",
        "Whoever is in a sequence has exactly one open step.",
        _without_a_step,
        repair=_by(repairs.add_missing_steps, _without_a_step),
    ),
    Check(
        "INV-7e",
        "Whoever has left has none that waits.",
        _scheduled_after_the_end,
        repair=_by(repairs.close_waiting_steps, _scheduled_after_the_end),
    ),
    Check("INV-8e", "No intent begins while the enrollment is paused.", _while_paused),
    Check("INV-8s", "No intent begins while the sequence is paused.", _while_sequence_paused),
    Check(
        "INV-9",
        "A completed run says when, and nothing of it is open.",
        _completed_without_an_end,
        repair=_by(repairs.date_completed, _completed_without_an_end),
    ),
    Check("INV-9r", "A run that was ended early says why.", _ended_without_a_reason, is_scan=True),
    Check("INV-10", "What is in flight has an owner, a lease and a fence.", _unleased, is_scan=True),
    Check("INV-18", "An execution's step belongs to its enrollment's sequence.", _strangers),
    Check(
        "INV-18v",
        "A step that waits is of the version its run follows.",
        _of_another_version,
        repair=_by(repairs.follow_version, _of_another_version),
    ),
    Check(
        "INV-24",
        "A run has done as many steps as it says.",
        _miscounted,
        repair=_by(repairs.recount_steps, _miscounted),
    ),
    Check("WHY", "Nothing is skipped or failed without a reason.", _without_a_reason, is_scan=True),
    Check("WHY-C", "A step left out for a condition says for which.", _without_the_condition, is_scan=True),
    Check("INV-20", "Whom a trigger has passed and would take is in its sequence.", _missed, ALARM),
    Check("L1", "Nothing due waits longer than two ticks.", _overdue, ALARM),
    Check(
        "L1h",
        "What waits has a time, or waits for staff or the end of a pause.",
        _forgotten,
        repair=_by(repairs.look_again, _forgotten),
    ),
    Check("L2s", "No step is in flight longer than its lease and the settling time.", _stuck, ALARM),
    Check(
        "L2f",
        "No lease ends later than any lease can.",
        _leased_for_ever,
        ALARM,
        repair=_by(repairs.end_leases, _leased_for_ever),
    ),
]
