"""Handing messages to providers: in small groups, outside any transaction, classified and never just "failed"."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby

import structlog
from django.db import transaction
from django.db.models import Q

from campaigns.delivery.work import Answer, Intent, Outcome
from campaigns.models import ContactAttempt
from campaigns.policy import LOOK_AGAIN
from campaigns.reasons import Reason
from integrations.providers.base import NotSent, OutcomeUnknown, Provider
from integrations.providers.registry import ActiveProviders
from retention_center.lib import clock
from retention_center.lib.seams import seam

log = structlog.get_logger(__name__)


def call_all(intents: Sequence[Intent], providers: ActiveProviders, wanted: Q, deadline: float) -> list[Answer]:
    """Ask every provider for its messages. ``deadline`` (monotonic) is when no call may begin any more."""
    answers: list[Answer] = []
    by_provider = sorted(intents, key=lambda intent: intent.provider)
    for name, group in groupby(by_provider, key=lambda intent: intent.provider):
        provider = providers.open(name)
        try:
            answers += _call_one_provider(provider, list(group), wanted, deadline)
        finally:
            provider.close()
    return answers


def _call_one_provider(provider: Provider, intents: list[Intent], wanted: Q, deadline: float) -> list[Answer]:
    answers: list[Answer] = []
    # A provider that answers in this process is called for all at once; a real one for as many as run side by side
    size = provider.parallel or len(intents)
    with ThreadPoolExecutor(max_workers=max(provider.parallel, 1)) as pool:
        for start in range(0, len(intents), size):
            group = intents[start : start + size]
            begun = _begin(group, wanted, deadline)
            seam("begun")
            answers += [_not_called(intent) for intent in group if intent.attempt_id not in begun]
            called = [intent for intent in group if intent.attempt_id in begun]
            run = pool.map if provider.parallel else map
            answers += run(lambda intent: _call(provider, intent), called)
    return answers


def _begin(group: Sequence[Intent], wanted: Q, deadline: float) -> set[str]:
    """Mark the calls that begin now: in time, and nothing about their lead went off since the intent."""
    if clock.monotonic() > deadline:
        return set()
    with transaction.atomic():
        still = ContactAttempt.objects.filter(
            wanted, pk__in=[intent.attempt_id for intent in group], status=ContactAttempt.Status.PENDING, called_at=None
        )
        begun = set(still.values_list("pk", flat=True))
        ContactAttempt.objects.filter(pk__in=begun).update(called_at=clock.now())
    return begun


def _call(provider: Provider, intent: Intent) -> Answer:
    try:
        return Answer(intent, Outcome.SENT, receipt=provider.send(intent.message))
    except NotSent as refusal:
        return _refused(intent, refusal)
    except OutcomeUnknown as unknown:
        return _unknown(intent, str(unknown))
    except Exception:
        # An adapter's own mistake: we cannot tell whether the message left, so it is never sent again blindly
        log.exception("provider_raised", provider=provider.name, attempt=intent.attempt_id)
        return _unknown(intent, "The adapter failed.")


def _refused(intent: Intent, refusal: NotSent) -> Answer:
    detail = str(refusal)[:255]
    if refusal.retry_after is not None:
        wait = timedelta(seconds=max(refusal.retry_after, 1))
        return Answer(intent, Outcome.POSTPONED, reason=Reason.RATE_LIMITED, detail=detail, wait=wait)
    if refusal.account_wide:
        wait = LOOK_AGAIN[Reason.PROVIDER_REFUSES]
        return Answer(intent, Outcome.POSTPONED, reason=Reason.PROVIDER_REFUSES, detail=detail, wait=wait)
    known = {str(reason): reason for reason in Reason}
    reason = known.get(refusal.reason, Reason.REFUSED)
    return Answer(intent, Outcome.REFUSED, reason=reason, detail=detail, is_permanent=refusal.permanent)


def _not_called(intent: Intent) -> Answer:
    return Answer(intent, Outcome.POSTPONED, reason=Reason.NOT_CALLED)


def look_up_all(intents: Sequence[Intent], providers: ActiveProviders) -> list[Answer]:
    """Look up messages whose outcome nobody recorded, by our key; used by reconciliation only."""
    answers: list[Answer] = []
    by_provider = sorted(intents, key=lambda intent: intent.provider)
    for name, group in groupby(by_provider, key=lambda intent: intent.provider):
        if name not in providers.configs:
            answers += [_unknown(intent, "The provider is no longer active.") for intent in group]
            continue
        provider = providers.open(name)
        try:
            answers += [_look_up(provider, intent) for intent in group]
        finally:
            provider.close()
    return answers


def _look_up(provider: Provider, intent: Intent) -> Answer:
    try:
        receipt = provider.find(intent.message)
    except (OutcomeUnknown, NotSent) as unknown:
        return _unknown(intent, str(unknown))
    return Answer(intent, Outcome.SENT, receipt=receipt) if receipt else _not_called(intent)


def _unknown(intent: Intent, detail: str) -> Answer:
    return Answer(intent, Outcome.UNKNOWN, reason=Reason.OUTCOME_UNKNOWN, detail=detail[:255])
