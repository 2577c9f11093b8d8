"""What a step's funnel counts, said once: for the numbers, and for the rows behind each number."""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.reasons import Effect, Reason
from sequences.models import SequenceEnrollment, SequenceStepExecution

STATUS = SequenceStepExecution.Status
ACCEPTED = (STATUS.SENT, STATUS.DELIVERED)
STATES = [
    ("due", "Due"),
    ("sent", "Sent"),
    ("delivered", "Delivered"),
    ("replied", "Replied"),
    ("converted", "Converted"),
    ("failed", "Failed"),
    ("skipped", "Skipped"),
    ("waiting", "Waiting"),
    ("held", "Held"),
    ("planned", "Planned"),
    ("no_reason", "Without a reason"),
]
ENDED = [one.value for one in Reason if one.effect == Effect.STOP]  # the run ended: the step's time never came


_SIMPLE = {
    "sent": Q(status__in=ACCEPTED),
    "delivered": Q(status=STATUS.DELIVERED),
    "replied": Q(contact_attempt__result__replied=True),
    "failed": Q(status=STATUS.FAILED),
    "skipped": Q(status=STATUS.SKIPPED) & ~Q(reason__in=ENDED),
    "waiting": Q(status__in=SequenceStepExecution.OPEN),
    "held": Q(status=STATUS.SCHEDULED) & ~Q(held_reason=""),
    "planned": Q(status=STATUS.SCHEDULED, held_reason=""),
    "no_reason": Q(reason="", held_reason=""),
}


def condition(state: str, now: datetime) -> Q:
    """Which executions a funnel cell counts."""
    if state in _SIMPLE:
        return _SIMPLE[state]
    if state == "due":  # its time has come, whatever became of it
        came = ~Q(status=STATUS.SCHEDULED) | Q(scheduled_at__lte=now)
        return came & ~Q(status=STATUS.SKIPPED, reason__in=ENDED)
    return _converted()


def _converted() -> Q:
    """The step a converted run sent last is the one its conversion is counted for."""
    later = SequenceStepExecution.objects.filter(
        enrollment=OuterRef("enrollment"),
        run_no=OuterRef("run_no"),
        status__in=ACCEPTED,
        executed_at__gt=OuterRef("executed_at"),
    )
    return Q(~Exists(later), enrollment__status=SequenceEnrollment.Status.CONVERTED, status__in=ACCEPTED)


def in_states(
    executions: QuerySet[SequenceStepExecution], states: Sequence[str], now: datetime
) -> QuerySet[SequenceStepExecution]:
    """The executions which any of the cells counts."""
    return executions.filter(reduce(or_, (condition(state, now) for state in states)))
