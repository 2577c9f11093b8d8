"""Sequences that enroll by themselves, along cursors, so that no outage and no late commit loses anybody (INV-20).

Each tick looks at the leads made or changed since the last one, and for ``no_conversion`` also at those that came
of age since. A cursor sits on the last lead looked at, never on a clock; every look begins a little below it
(``lookbackMinutes``), because a long import may commit leads that are older than the cursor.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, QuerySet

from leads.models import Lead
from retention_center.audit import SYSTEM
from sequences.enrolling import CHUNK, CannotEnroll, enroll
from sequences.models import RetentionSequence, SequenceEnrollment

DEFAULT_LOOKBACK_MINUTES = 15
DEFAULT_MIN_AGE_HOURS = 24
CONVERSIONS = ("pending", "confirmed")  # a rejected conversion is none


def enroll_by_triggers(now: datetime) -> int:
    """One look for every active sequence with a trigger: how many entered."""
    return sum(_look(sequence, now) for sequence in RetentionSequence.objects.triggered().order_by("pk"))


def matching(sequence: RetentionSequence, now: datetime) -> QuerySet[Lead]:
    """The leads the trigger would take now, whatever its cursors: what activation counts and asks about.

    Nobody who was ever in the sequence enters again by itself; buyers and people not to contact never do.
    """
    config = sequence.trigger_config
    leads = Lead.objects.present().exclude(status__in=[Lead.Status.DO_NOT_CONTACT, Lead.Status.CONVERTED])
    if config.get("source"):
        leads = leads.filter(source=config["source"])
    if config.get("status"):
        leads = leads.filter(status=config["status"])
    if sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION:
        leads = leads.filter(created_at__lte=now - _min_age(sequence)).exclude(conversions__standing__in=CONVERSIONS)
    return leads.exclude(Exists(SequenceEnrollment.objects.filter(sequence=sequence, lead=OuterRef("pk"))))


def would_enter(sequence: RetentionSequence, at: datetime) -> list[QuerySet[Lead]]:
    """Whom the sequence's looks up to ``at`` would take, as things stand now: what the forecast asks. Changes nothing."""
    return list(_unseen(sequence, at, {}))


def comes_of_age(sequence: RetentionSequence, created_at: datetime) -> datetime:
    """When the sequence may first take a lead that was made then."""
    waits = sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION
    return created_at + _min_age(sequence) if waits else created_at


def _look(sequence: RetentionSequence, now: datetime) -> int:
    """Enroll whom the sequence has not seen, then move its cursors to the last lead looked at."""
    seen = {"changed_cursor": _last_change(), "age_cursor": sequence.age_cursor}
    entered = 0
    for leads in _unseen(sequence, now, seen):
        entered += _enroll_all(sequence, leads, now)
    RetentionSequence.objects.filter(pk=sequence.pk).update(**seen)
    return entered


def _unseen(sequence: RetentionSequence, now: datetime, seen: dict[str, datetime | None]) -> Iterator[QuerySet[Lead]]:
    overlap = timedelta(minutes=sequence.trigger_config.get("lookbackMinutes", DEFAULT_LOOKBACK_MINUTES))
    candidates = matching(sequence, now)
    changed = candidates
    if sequence.changed_cursor:
        changed = changed.filter(matched_at__gte=sequence.changed_cursor - overlap)
    if sequence.enrolls_from:
        changed = changed.filter(matched_at__gte=sequence.enrolls_from)
    yield changed
    if sequence.trigger_type != RetentionSequence.Trigger.NO_CONVERSION:
        return
    of_age = Lead.objects.present().filter(created_at__lte=now - _min_age(sequence))
    aged = candidates
    if sequence.enrolls_from:
        aged = aged.filter(created_at__gt=sequence.enrolls_from - _min_age(sequence))
    if sequence.age_cursor:
        aged = aged.filter(created_at__gte=sequence.age_cursor - overlap)
        of_age = of_age.filter(created_at__gte=sequence.age_cursor)
    yield aged
    seen["age_cursor"] = of_age.aggregate(last=Max("created_at"))["last"] or sequence.age_cursor


def _enroll_all(sequence: RetentionSequence, leads: QuerySet[Lead], now: datetime) -> int:
    """Whoever enters leaves the query, so its first chunk is asked for until it brings nobody new."""
    entered = 0
    while lead_ids := list(leads.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        try:
            result = enroll(sequence, lead_ids, now=now, source=SequenceEnrollment.Source.TRIGGER, actor=SYSTEM)
        except CannotEnroll:
            break
        entered += result.enrolled
        if not result.enrolled:
            break
    return entered


def _min_age(sequence: RetentionSequence) -> timedelta:
    return timedelta(hours=sequence.trigger_config.get("minAgeHours", DEFAULT_MIN_AGE_HOURS))


def _last_change() -> datetime | None:
    return Lead.objects.aggregate(last=Max("matched_at"))["last"]
