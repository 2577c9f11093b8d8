"""Handing messages to providers: in small groups, outside any transaction, classified and never just "failed"."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import batched, groupby

import structlog
from django.db.models import Q

from campaigns.delivery.facts import is_barred
from campaigns.delivery.work import Answer, Intent, Outcome
from campaigns.models import ContactAttempt
from campaigns.policy import LOOK_AGAIN
from campaigns.reasons import Reason
from integrations import breaker
from integrations.providers.base import NotSent, OutcomeUnknown, Provider
from integrations.providers.registry import ActiveProviders
from leads.suppression import addresses_of, standing_for
from retention_center.lib import clock, draining
from retention_center.lib.bulk import listed, update_selected
from retention_center.lib.channels import Channel
from retention_center.lib.seams import seam

log = structlog.get_logger(__name__)
Status = ContactAttempt.Status
CALLED_OFF = timedelta(minutes=1)


def call_in_groups(
    intents: Sequence[Intent], providers: ActiveProviders, wanted: Q, deadline: float
) -> Iterator[list[Answer]]:
    """Ask every provider for its messages, a few at a time: the answers of each group, as soon as it is through.

    Whoever takes a group records it before asking for the next, so that a killed worker forgets no more than the
    calls that were under way. ``deadline`` (monotonic) is when no call may begin any more.
    """
    by_provider = sorted(intents, key=lambda intent: intent.provider)
    for name, group in groupby(by_provider, key=lambda intent: intent.provider):
        provider = providers.open(name)
        try:
            yield from _call_one_provider(provider, list(group), wanted, deadline)
        finally:
            provider.close()


def _call_one_provider(provider: Provider, intents: list[Intent], wanted: Q, deadline: float) -> Iterator[list[Answer]]:
    # A provider that answers in this process is called for all at once; a real one for as many as run side by side
    size, since = provider.parallel or len(intents), clock.now()
    with ThreadPoolExecutor(max_workers=max(provider.parallel, 1)) as pool:
        for number, group in enumerate(batched(intents, size)):
            if number and breaker.turned_away(provider.name, since, clock.now()):
                yield [_not_called(intent) for intent in group]
                continue
            begun, called_at = _begin(provider, group, wanted, deadline)
            seam("begun")
            called = [intent for intent in group if intent.attempt_id in begun]
            run = pool.map if provider.parallel else map
            answers = list(run(lambda intent: _call(provider, intent, deadline), called))
            for answer in answers:
                answer.called_at = called_at
            is_late = draining.is_asked() or clock.monotonic() > deadline
            yield answers + [_called_off(intent, is_late) for intent in group if intent.attempt_id not in begun]


def _begin(provider: Provider, group: Sequence[Intent], wanted: Q, deadline: float) -> tuple[set[str], datetime]:
    """The calls that begin now, and when: in time, and nothing about their lead went off since the intent.

    They are marked in one statement, so that of two workers who both believe that it is theirs only one calls, and
    whoever finds them knows that something may be on its way. With a provider that answers in this process nothing
    can be: its calls are marked when they are recorded.
    """
    called_at = clock.now()
    if draining.is_asked() or clock.monotonic() > deadline:
        return set(), called_at
    barred = _barred(group)
    open_ids = [intent.attempt_id for intent in group if intent.attempt_id not in barred]
    still = ContactAttempt.objects.filter(wanted, pk__in=listed(open_ids))
    if provider.parallel:
        begun = update_selected(still, {"called_at": called_at}, status=Status.PENDING, called_at=None)
    else:
        begun = set(still.filter(status=Status.PENDING, called_at=None).values_list("pk", flat=True))
    # A worker that stood still meanwhile must not call as if no time had passed
    return (begun if clock.monotonic() <= deadline else set()), called_at


def _barred(group: Sequence[Intent]) -> set[str]:
    """The attempts whose address is suppressed by now, for whatever lead that was said."""
    standing = standing_for(address for intent in group for address in _addresses(intent))
    return {intent.attempt_id for intent in group if is_barred(intent.item.lead, intent.message.channel, standing)}


def _addresses(intent: Intent) -> list[str]:
    """The address itself, or (webhooks go to the lead as such) any address of the lead."""
    is_webhook = intent.message.channel == Channel.WEBHOOK
    return addresses_of(intent.item.lead) if is_webhook else [intent.message.to]


def _call(provider: Provider, intent: Intent, deadline: float) -> Answer:
    if clock.monotonic() > deadline:  # we stood still since it was marked: others may have looked for it by now
        return _called_off(intent, is_late=True)
    try:
        return Answer(intent, Outcome.SENT, receipt=provider.send(intent.message))
    except NotSent as refusal:
        return refused(intent, refusal)
    except OutcomeUnknown as unknown:
        return unanswered(provider, intent, str(unknown))
    except Exception:
        # An adapter's own mistake: we cannot tell whether the message left
        log.exception("provider_raised", provider=provider.name, attempt=intent.attempt_id)
        return unanswered(provider, intent, "The adapter failed.")


def unanswered(provider: Provider | type[Provider], intent: Intent, detail: str = "") -> Answer:
    """Nobody knows what came of it. Where repeats are left out by their receiver it is tried again, or closed for good;
    from all others it waits to be looked up, and is never sent again blindly."""
    answer = _unknown(intent, detail)
    if provider.is_repeatable:
        answer.outcome = Outcome.UNCONFIRMED if intent.item.has_tries_left else Outcome.UNKNOWN
        answer.is_permanent = not intent.item.has_tries_left
    return answer


def refused(intent: Intent, refusal: NotSent) -> Answer:
    """What a refusal means for its intent: postponed where it is nobody's or everybody's fault."""
    detail = str(refusal)[:255]
    if refusal.retry_after is not None:
        wait = timedelta(seconds=max(refusal.retry_after, 1))
        return Answer(intent, Outcome.POSTPONED, reason=Reason.RATE_LIMITED, detail=detail, wait=wait)
    if refusal.account_wide:
        wait = LOOK_AGAIN[Reason.PROVIDER_REFUSES]
        return Answer(intent, Outcome.POSTPONED, reason=Reason.PROVIDER_REFUSES, detail=detail, wait=wait)
    known = {str(reason): reason for reason in Reason}
    reason = known.get(refusal.reason, Reason.REFUSED)
    refused = Answer(intent, Outcome.REFUSED, reason=reason, detail=detail, is_permanent=refusal.permanent)
    refused.told = refusal.reports
    return refused


def _called_off(intent: Intent, is_late: bool) -> Answer:
    """At the last moment. It is decided anew: at once if only our own time was up, else a minute later, lest two who
    disagree about a lead spin."""
    wait = timedelta(0) if is_late else CALLED_OFF
    return Answer(intent, Outcome.POSTPONED, reason=Reason.NOT_CALLED, wait=wait)


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
