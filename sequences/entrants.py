"""How many a sequence may take by itself in a day of the organisation's zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.windows import at_local
from retention_center.pages.counting import CAP
from sequences.models import RetentionSequence, SequenceEnrollment
from sequences.walks import walks

ANY_NUMBER = 1_000_000_000


def entered_today(sequence: RetentionSequence, now: datetime) -> int:
    """How many its trigger has taken on this day."""
    zone = ZoneInfo(settings.TIME_ZONE)
    today = now.astimezone(zone).date()
    begins, ends = at_local(today, 0, zone), at_local(today + timedelta(days=1), 0, zone)
    of_today = sequence.enrollments.filter(enrolled_at__gte=begins, enrolled_at__lt=ends)
    return of_today.filter(source=SequenceEnrollment.Source.TRIGGER).count()


def room_today(sequence: RetentionSequence, now: datetime) -> int:
    """How many more may enter today by themselves."""
    if sequence.entrants_per_day is None:
        return ANY_NUMBER
    return max(sequence.entrants_per_day - entered_today(sequence, now), 0)


def in_words(sequence: RetentionSequence, now: datetime) -> str:
    """ "Today 50 of 50, 1,240 wait."; nothing for a sequence without a number a day, or one that takes nobody now."""
    is_taking = sequence.status == RetentionSequence.Status.ACTIVE
    if sequence.entrants_per_day is None or not is_taking or sequence.trigger_type == RetentionSequence.Trigger.MANUAL:
        return ""
    waiting = {pk for walk in walks(sequence, now) for pk in walk.leads.values_list("pk", flat=True)[: CAP + 1]}
    wait = f"more than {CAP:,} wait" if len(waiting) > CAP else f"{len(waiting):,} wait"
    said = {0: "nobody waits", 1: "1 waits"}.get(len(waiting), wait)
    return f"Today {entered_today(sequence, now):,} of {sequence.entrants_per_day:,}, {said}."
