"""What staff may do to many leads at once that only sequences can (settings.LEAD_ACTIONS)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from campaigns.reasons import sentence_of
from retention_center.audit import Actor
from sequences.enrolling import ALREADY_ENROLLED, UNKNOWN_LEAD, CannotEnroll, enroll
from sequences.models import RetentionSequence, SequenceEnrollment

_WORDS = {ALREADY_ENROLLED: "already in the sequence", UNKNOWN_LEAD: "deleted since"}


def sequences() -> list[tuple[str, str]]:
    """The sequences that people can enter: (id, name)."""
    open_ones = RetentionSequence.objects.filter(version__gt=0).exclude(status=RetentionSequence.Status.ARCHIVED)
    return list(open_ones.order_by("name").values_list("pk", "name")[:500])


def enroll_in_sequence(
    sequence_id: str, lead_ids: Sequence[str], *, now: datetime, actor: Actor
) -> tuple[int, dict[str, int]]:
    """How many leads entered, and how many were left out by reason."""
    sequence = RetentionSequence.objects.filter(pk=sequence_id).first()
    if sequence is None:
        return 0, {"the sequence does not exist any more": len(lead_ids)}
    try:
        found = enroll(sequence, lead_ids, now=now, source=SequenceEnrollment.Source.MANUAL, actor=actor)
    except CannotEnroll as refusal:
        return 0, {str(refusal): len(lead_ids)}
    reasons = Counter(_WORDS.get(reason) or sentence_of(reason).lower() for _lead, reason in found.skipped)
    return found.enrolled, dict(reasons)
