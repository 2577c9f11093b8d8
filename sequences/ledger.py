"""Every step of a sequence by what became of it and why; the numbers add up to all there are."""

from datetime import date, datetime

from django.db.models import Case, Count, Min, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from campaigns.ledger import Line, by_day, query, until
from campaigns.reasons import sentence_of
from sequences import funnels
from sequences.models import RetentionSequence, SequenceStepExecution

STATUS = SequenceStepExecution.Status


def of_sequence(sequence: RetentionSequence, now: datetime, href: str) -> list[Line]:
    """Planned by day, then what is held, then what was sent or not, most first; one query."""
    day = TruncDate("scheduled_at", tzinfo=timezone.get_current_timezone())
    steps = SequenceStepExecution.objects.filter(sequence=sequence).order_by()
    steps = steps.annotate(day=Case(When(funnels.condition("planned", now), then=day)))
    kinds = ("day", "status", "held_reason", "reason")
    grouped = steps.values(*kinds).annotate(n=Count("pk"), soonest=Min("held_until"))
    planned: list[tuple[date, int]] = []
    told: list[Line] = []
    rows = grouped.order_by("-n", "status", "reason", "held_reason").values_list(*kinds, "n", "soonest")
    for planned_on, status, held, reason, count, soonest in rows:
        if planned_on:
            planned.append((planned_on, count))
        else:
            told.append(_line(status, held, reason, count, soonest, now, href))
    told.sort(key=lambda line: line.status != "HELD")
    return [*by_day(planned, now, href, "scheduled"), *told]


def _line(status: str, held: str, reason: str, count: int, soonest: datetime | None, now: datetime, href: str) -> Line:
    if status == STATUS.SCHEDULED:
        only = query(state="held", reason=held)
        return Line("HELD", sentence_of(held), count, f"{href}?{only}", until(soonest, now))
    only = query(status=status, reason=reason) if reason else query(status=status, state="no_reason")
    ended = " (the run ended)" if reason in funnels.ENDED else ""
    why = f"{sentence_of(reason)}{ended}" if reason else ""
    return Line(status, why, count, f"{href}?{only}")
