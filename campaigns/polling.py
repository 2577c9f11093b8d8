"""Asking providers what became of messages: callbacks get lost, and some facts (Twilio's prices) are in none."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from campaigns.models import ContactAttempt
from integrations import inbox
from integrations.providers.base import NotSent, OutcomeUnknown, Provider
from integrations.providers.registry import ActiveProviders, adapter_of
from retention_center.lib import clock

SECOND, NEVER = timedelta(days=1), timedelta(days=3)  # after the message was sent
ASKED = "asked"  # in an attempt's result: how often
MOST = 300
STATUS = ContactAttempt.Status


def ask(now: datetime, seconds: float = 60) -> int:
    """Ask about messages without a price, after a day also without a last word, twice at most: how many it were.

    What is told goes the way of every report. Within ``seconds``, and never more than MOST at a time.
    """
    began, asked = clock.monotonic(), 0
    active = ActiveProviders.load()
    for name in active.configs:
        adapter = adapter_of(name)
        if adapter is None or not adapter.can_be_asked:
            continue
        provider = active.open(name)
        try:
            for attempt in _worth_asking(name, adapter.ask_after, now):
                if clock.monotonic() - began > seconds or not _ask(provider, attempt, now):
                    break
                asked += 1
        finally:
            provider.close()
    return asked


def _worth_asking(provider: str, ask_after: timedelta, now: datetime) -> Iterable[ContactAttempt]:
    """The oldest first: those never asked about, and a day later those that told no price, or no last word, then."""
    never = Q(result__asked__isnull=True)
    first = never & Q(started_at__gt=now - SECOND, started_at__lte=now - ask_after)
    second = (never | Q(result__asked=1)) & Q(started_at__gt=now - NEVER, started_at__lte=now - SECOND)
    unpriced = (first | second) & Q(cost=None, status__in=[*ContactAttempt.ACCEPTED, STATUS.FAILED])
    silent = second & Q(status=STATUS.SENT)
    known = ContactAttempt.objects.filter(unpriced | silent, provider=provider).exclude(provider_ref=None)
    return known.order_by("started_at", "pk")[:MOST]


def _ask(provider: Provider, attempt: ContactAttempt, now: datetime) -> bool:
    """Whether the provider answered at all; if not, the next ones are not worth a call."""
    reference = str(attempt.provider_ref)
    try:
        report = provider.look(reference)
    except NotSent as refusal:
        if not refusal.permanent:
            return False
        report = None  # it can make nothing of this reference, which must not keep the others from being asked about
    except OutcomeUnknown:
        return False
    times = 2 if now - attempt.started_at >= SECOND else 1
    facts: dict[str, Any] = dict(report.facts) if report else {"status": str(STATUS.SENT)}
    facts["result"] = {**facts.get("result", {}), ASKED: times}
    told = [("delivery", f"{reference}:asked:{times}", facts)]
    told += [(each.kind, f"{reference}:{each.kind}", dict(each.facts)) for each in (report.more if report else ())]
    for kind, key, said in told:
        event, _is_new = inbox.receive(
            provider.name,
            kind,
            key,
            facts=said,
            attempt_id=attempt.pk,
            provider_ref=reference,
            now=clock.now(),
        )
        inbox.apply(event, now)
    return True
