"""What dead workers left in flight: found out by asking the provider, never by sending again blindly.

An intent that was never called goes back at once. One that was called is left alone until nothing can still be on
its way (its deadline, plus SETTLE_SECONDS), then the provider is asked by our key: found is recorded, certainly
absent goes back, and what cannot be known closes as unknown (INVARIANTS, the only way to contact a lead, 5), but for
a provider whose receivers leave out repeats: what was its own goes back to be tried again under the same id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from campaigns.delivery.call import look_up_all, unanswered
from campaigns.delivery.rounds import record_answers
from campaigns.delivery.work import Answer, Intent, Outcome, Report, WorkItem, WorkSource
from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations.providers.base import Message, Receipt
from integrations.providers.registry import ActiveProviders, adapter_of
from retention_center.lib import clock
from retention_center.lib.seams import seam

BATCH = 200
GIVE_UP_AFTER = timedelta(hours=1)  # on a provider that can be searched but does not answer

STATUS = ContactAttempt.Status
OPEN = (STATUS.PENDING, STATUS.UNKNOWN)  # nobody knows yet what came of it


@dataclass(frozen=True, slots=True)
class _Left:
    """Something a dead worker left: its intent, and what is known of the attempt."""

    intent: Intent
    attempt: ContactAttempt


def reconcile(source: WorkSource, now: datetime) -> Report:
    """Settle one batch of abandoned work. ``now`` decides times of what comes next; leases use the real clock."""
    real_now = clock.db_now()
    with transaction.atomic():
        taken = source.abandoned(real_now, BATCH)
        source.give_back([item for item, attempt in taken if attempt is None], now)
        left = [_Left(_intent(item, attempt), attempt) for item, attempt in taken if attempt]
        called = [one.attempt.pk for one in left if one.attempt.called_at]
        ContactAttempt.objects.filter(pk__in=called, status=STATUS.PENDING).update(status=STATUS.UNKNOWN)
    seam("taken over")
    open_ones = [one for one in left if one.attempt.status in OPEN]
    answers = [_reported(one) for one in left if one.attempt.status not in OPEN]
    answers += [_not_called(one) for one in open_ones if one.attempt.called_at is None]
    answers += _ask([one for one in open_ones if one.attempt.called_at], real_now)
    seam("looked up")
    return record_answers(source, answers, now) if answers else Report()


def is_ripe(attempt: ContactAttempt | None, real_now: datetime) -> bool:
    """Whether nothing of the attempt can still be on its way, so that it may be looked into."""
    if attempt is None or attempt.called_at is None or attempt.status not in OPEN:
        return True
    settled = timedelta(seconds=settings.CALL_SECONDS + settings.SETTLE_SECONDS)
    return attempt.called_at + settled < real_now


def _ask(left: Sequence[_Left], real_now: datetime) -> list[Answer]:
    """Look up what can be looked up; of the rest nobody will ever know."""
    searchable: list[_Left] = []
    others: list[_Left] = []
    for one in left:
        adapter = adapter_of(one.attempt.provider)
        (searchable if adapter and adapter.is_searchable else others).append(one)
    answers = [_unsearchable(one) for one in others]
    if searchable:
        called_at = {one.attempt.pk: one.attempt.called_at for one in searchable}
        found = look_up_all([one.intent for one in searchable], ActiveProviders.load())
        answers += [_patient(answer, called_at[answer.intent.attempt_id], real_now) for answer in found]
    return answers


def _patient(answer: Answer, called_at: datetime | None, real_now: datetime) -> Answer:
    """A provider that cannot tell yet is asked again, until GIVE_UP_AFTER."""
    is_old = called_at is not None and called_at + GIVE_UP_AFTER < real_now
    return _give_up(answer.intent) if answer.outcome == Outcome.UNKNOWN and is_old else answer


def _give_up(intent: Intent) -> Answer:
    return Answer(intent, Outcome.UNKNOWN, reason=Reason.OUTCOME_UNKNOWN, is_permanent=True)


def _unsearchable(one: _Left) -> Answer:
    adapter = adapter_of(one.attempt.provider)
    return unanswered(adapter, one.intent) if adapter and adapter.is_repeatable else _give_up(one.intent)


def _not_called(one: _Left) -> Answer:
    return Answer(one.intent, Outcome.POSTPONED, reason=Reason.NOT_CALLED)


def _reported(one: _Left) -> Answer:
    """The outcome was reported by a webhook before anybody recorded it."""
    if one.attempt.was_unsent:
        return _not_called(one)
    return Answer(one.intent, Outcome.SENT, receipt=Receipt(reference=one.attempt.provider_ref or ""))


def _intent(item: WorkItem, attempt: ContactAttempt) -> Intent:
    message = Message(
        key=attempt.idempotency_key,
        attempt_id=attempt.pk,
        lead_id=item.lead.pk,
        channel=attempt.channel,
        to=attempt.address,
        subject=attempt.message.get("subject", ""),
        text=attempt.message.get("text", ""),
        html=attempt.message.get("html", ""),
        work_id=attempt.work_id,
        called_at=attempt.called_at,
    )
    return Intent(replace(item, try_no=attempt.try_no), attempt.provider, message)
