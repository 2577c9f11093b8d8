"""Whom a sequence's trigger takes: by source, status, and age without a conversion; and who may enter again."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from leads.models import Lead
from sequences.models import RetentionSequence, SequenceEnrollment

DEFAULT_LOOKBACK_MINUTES = 15
DEFAULT_MIN_AGE_HOURS = 24
CONVERSIONS = ("pending", "confirmed")  # a rejected conversion is none
RE_ENTRY = RetentionSequence.ReEntry


def matching(sequence: RetentionSequence, now: datetime) -> QuerySet[Lead]:
    """The leads the trigger would take now, whatever its cursors: what activation counts and asks about."""
    if sequence.re_entry == RE_ENTRY.NEVER:
        return newcomers(sequence, now)
    may_return = Exists(finished(sequence, now).filter(lead=OuterRef("pk")))
    return _fitting(sequence, now).filter(~Exists(_runs(sequence)) | may_return)


def newcomers(sequence: RetentionSequence, now: datetime) -> QuerySet[Lead]:
    """Those who match and were never in the sequence."""
    return _fitting(sequence, now).exclude(Exists(_runs(sequence)))


def returning(sequence: RetentionSequence, now: datetime) -> QuerySet[Lead]:
    """Those who match and whose run has finished long enough ago for the rule of re-entry.

    Whoever was taken out, by hand, by a reply, an opt-out or a conversion, never enters again by themselves.
    """
    return _fitting(sequence, now).filter(Exists(finished(sequence, now).filter(lead=OuterRef("pk"))))


def _fitting(sequence: RetentionSequence, now: datetime) -> QuerySet[Lead]:
    """Buyers and people not to contact never enter by themselves."""
    config = sequence.trigger_config
    leads = Lead.objects.present().exclude(status__in=[Lead.Status.DO_NOT_CONTACT, Lead.Status.CONVERTED])
    if config.get("source"):
        leads = leads.filter(source=config["source"])
    if config.get("status"):
        leads = leads.filter(status=config["status"])
    if sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION:
        leads = leads.filter(created_at__lte=now - min_age(sequence)).exclude(conversions__standing__in=CONVERSIONS)
    return leads


def _runs(sequence: RetentionSequence) -> QuerySet[SequenceEnrollment]:
    return SequenceEnrollment.objects.filter(sequence=sequence, lead=OuterRef("pk"))


def finished(sequence: RetentionSequence, now: datetime) -> QuerySet[SequenceEnrollment]:
    """Runs that ended with their last step, and long enough ago."""
    completed = sequence.enrollments.filter(status=SequenceEnrollment.Status.COMPLETED)
    return completed.filter(completed_at__lt=now - re_entry_wait(sequence))


def min_age(sequence: RetentionSequence) -> timedelta:
    """How long a lead must have been without a conversion."""
    return timedelta(hours=sequence.trigger_config.get("minAgeHours", DEFAULT_MIN_AGE_HOURS))


def overlap(sequence: RetentionSequence) -> timedelta:
    """How far a cursor trails the clock."""
    return timedelta(minutes=sequence.trigger_config.get("lookbackMinutes", DEFAULT_LOOKBACK_MINUTES))


def re_entry_wait(sequence: RetentionSequence) -> timedelta:
    """How long after finishing somebody may enter again."""
    return timedelta(days=(sequence.re_entry_days or 0) if sequence.re_entry == RE_ENTRY.AFTER_DAYS else 0)
