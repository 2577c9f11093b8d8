"""The doctor's part for sequences: nobody is lost in one, and nobody is in it twice."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from campaigns.reasons import Reason
from retention_center.doctor import ALARM, Check
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from sequences.models.enrollment import SequenceStepExecutionQuerySet
from sequences.processor import OVERDUE_AFTER

Status = SequenceStepExecution.Status
_ENDED = ~Q(status__in=SequenceEnrollment.OPEN)


def _of_this_run() -> SequenceStepExecutionQuerySet:
    return SequenceStepExecution.objects.filter(enrollment=OuterRef("pk"), run_no=OuterRef("run_no"))


def _without_a_step(_now: datetime) -> QuerySet[SequenceEnrollment]:
    return SequenceEnrollment.objects.open().exclude(Exists(_of_this_run().open()))


def _scheduled_after_the_end(_now: datetime) -> QuerySet[SequenceEnrollment]:
    """A step in flight may outlive its enrollment's end; a waiting one must not."""
    return SequenceEnrollment.objects.filter(_ENDED).filter(Exists(_of_this_run().scheduled()))


def _completed_without_an_end(_now: datetime) -> QuerySet[SequenceEnrollment]:
    completed = SequenceEnrollment.objects.filter(status=SequenceEnrollment.Status.COMPLETED)
    return completed.filter(Q(completed_at=None) | Exists(_of_this_run().open()))


def _unleased(_now: datetime) -> QuerySet[SequenceStepExecution]:
    pending = SequenceStepExecution.objects.filter(status=Status.PENDING)
    return pending.filter(Q(lease_until=None) | Q(claimed_by="") | Q(fence=0))


def _strangers(_now: datetime) -> QuerySet[SequenceStepExecution]:
    """Steps of another sequence, or rows whose own columns disagree with their enrollment's (INV-18)."""
    return SequenceStepExecution.objects.filter(
        ~Q(step__sequence=F("enrollment__sequence"))
        | ~Q(sequence=F("enrollment__sequence"))
        | ~Q(lead=F("enrollment__lead"))
    )


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


CHECKS = [
    Check("INV-7", "Whoever is in a sequence has exactly one open step.", _without_a_step),
    Check("INV-7e", "Whoever has left has none that waits.", _scheduled_after_the_end),
    Check("INV-9", "A completed run says when, and nothing of it is open.", _completed_without_an_end),
    Check("INV-10", "What is in flight has an owner, a lease and a fence.", _unleased),
    Check("INV-18", "An execution's step belongs to its enrollment's sequence.", _strangers),
    Check("WHY", "Nothing is skipped or failed without a reason.", _without_a_reason),
    Check("WHY-C", "A step left out for a condition says for which.", _without_the_condition),
    Check("L1", "Nothing due waits longer than two ticks.", _overdue, ALARM),
    Check("L1h", "What waits has a time, or waits for staff or the end of a pause.", _forgotten),
    Check("L2s", "No step is in flight longer than its lease and the settling time.", _stuck, ALARM),
]
