"""The processor: what wakes up, looks at what is due, and goes on until nothing is left or its time is up."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from campaigns import by_hand
from campaigns.auto_assigning import assign_new_leads
from campaigns.delivery.reconcile import reconcile
from campaigns.delivery.rounds import run_batch
from campaigns.delivery.work import Report, WorkSource
from campaigns.due_contacts import (
    DueContacts,
    campaigns_with_abandoned_work,
    campaigns_with_due_contacts,
    overdue,
)
from integrations import inbox
from retention_center import health, restoring
from retention_center.lib import clock, draining
from retention_center.pages.counting import capped_counts
from sequences.due_steps import DueSteps
from sequences.models import RetentionSequence, SequenceStepExecution
from sequences.taking_in import enroll_by_triggers

OVERDUE_AFTER = timedelta(minutes=2)  # two ticks (L1)
COUNTED_AT_MOST = 1000
PACE_WAIT = 0.2  # seconds, when only a provider's pace holds work back


def run(now: datetime | None = None, *, seconds: float | None = None, until_idle: bool = False) -> dict[str, Any]:
    """One round, or with ``until_idle`` rounds until nothing is due; the counts of `process_sequences`.

    ``now`` moves the time that decides; leases, look-ups and back-off stay on the real clock. After ``seconds`` no
    new work is claimed, nor once this process was asked to end. Safe to run in many processes at once.
    """
    began = clock.monotonic()
    restoring.hold_if_restored(clock.now())

    def in_time() -> bool:
        return not draining.is_asked() and (seconds is None or clock.monotonic() - began < seconds)

    def at() -> datetime:
        # Asked anew for each batch: a worker that stood still must not go on as if it were still the hour before
        return now or clock.now()

    total = Report()
    while True:
        done = _round(at, in_time)
        total.add(done)
        if not until_idle or not (done.due or done.enrolled) or not in_time():
            break
    took = clock.monotonic() - began
    counts = {name: value for name, value in asdict(total).items() if name != "paced"}
    health.beat(health.PROCESSOR, sent=total.sent, seconds=took, last=counts)
    return counts | {"seconds": round(took, 3)}


def _round(at: Callable[[], datetime], in_time: Callable[[], bool]) -> Report:
    """Reconcile, apply waiting events, assign and enroll by triggers, then all that is due; ``at`` says the time."""
    total = Report()
    for sequence_id in _with_abandoned_work():
        total.add(reconcile(DueSteps(sequence_id), at()))
    for campaign_id in campaigns_with_abandoned_work():
        total.add(reconcile(DueContacts(campaign_id), at()))
    total.add(by_hand.reconcile_left(at()))
    inbox.apply_waiting(at())
    assign_new_leads(at(), in_time)
    total.enrolled += enroll_by_triggers(at(), in_time)
    total.add(_due_work(at, in_time))
    inbox.apply_waiting(at())
    return total


def _due_work(at: Callable[[], datetime], in_time: Callable[[], bool]) -> Report:
    """A batch from each sequence and campaign in turn, so that none can starve the others, until none has any."""
    total = Report()
    waiting: list[WorkSource] = [DueSteps(sequence_id) for sequence_id in sequences_with_due_steps(at())]
    waiting += [DueContacts(campaign_id) for campaign_id in campaigns_with_due_contacts(at())]
    while waiting and in_time():
        reports = [(source, run_batch(source, at())) for source in waiting]
        for _source, report in reports:
            total.add(report)
        waiting = [source for source, report in reports if report.due or report.paced]
        if waiting and not any(report.due for _source, report in reports):
            clock.sleep(PACE_WAIT)
    return total


def sequences_with_due_steps(now: datetime) -> list[str]:
    """Active sequences with something due, one index probe each."""
    due = SequenceStepExecution.objects.due(now).filter(sequence=OuterRef("pk"))
    return list(RetentionSequence.objects.running().filter(Exists(due)).order_by("pk").values_list("pk", flat=True))


def count_overdue(now: datetime) -> int:
    """How much work is overdue, at most 1,000 of each kind; one query."""
    return sum(capped_counts(overdue_work(now), [COUNTED_AT_MOST] * 2))


def overdue_work(now: datetime) -> tuple[QuerySet, QuerySet]:
    """Steps and campaign contacts that should have been looked at two ticks ago."""
    steps = SequenceStepExecution.objects.due(now - OVERDUE_AFTER).filter(
        sequence__in=RetentionSequence.objects.running()
    )
    return steps, overdue(now - OVERDUE_AFTER)


def _with_abandoned_work() -> list[str]:
    expired = SequenceStepExecution.objects.filter(
        status=SequenceStepExecution.Status.PENDING, lease_until__lt=clock.db_now()
    )
    return sorted(set(expired.order_by().values_list("sequence_id", flat=True)))
