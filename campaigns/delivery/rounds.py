"""The protocol, once: claim what is due, decide, write intents, call, record. Safe to run twice, late, or in
many processes at once."""

import gc
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache

import structlog
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from campaigns import policy
from campaigns.delivery import intent as intents
from campaigns.delivery import outages
from campaigns.delivery.call import call_in_groups
from campaigns.delivery.claiming import lock_all
from campaigns.delivery.facts import Surroundings, facts_of, surroundings
from campaigns.delivery.intent import Judged, Prepared
from campaigns.delivery.record import record
from campaigns.delivery.work import Answer, Intent, Report, WorkItem, WorkSource
from campaigns.instantly.scripts import prepared
from campaigns.policy import Decision, Facts, Zones
from campaigns.reasons import Reason
from campaigns.windows import Rules
from integrations import pace
from integrations.providers.registry import ActiveProviders
from retention_center.lib import clock
from retention_center.lib.seams import seam

log = structlog.get_logger(__name__)

BATCH = 1000
RECORD_AGAIN = 0.5  # seconds
NO_FACTS = Facts(zones=Zones(("UTC",), "unknown"), rules=Rules())


@cache
def this_worker() -> str:
    """Who claims: the machine and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"[:80]


@contextmanager
def _no_collections() -> Iterator[None]:
    """A batch makes many objects and no cycles: the collector would search them over and over for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_no_collections()
def run_batch(source: WorkSource, now: datetime, limit: int = BATCH) -> Report:
    """One batch of one source: everything from the claim to the record.

    Where one piece of work makes its whole batch fail, they go one by one, and that one is set aside for staff.
    """
    began = clock.monotonic()
    try:
        with transaction.atomic():
            report, intended, providers = _claim_and_intend(source, now, limit)
    except (DataError, IntegrityError):
        log.exception("batch_failed", origin=source.origin, limit=limit)
        return _one_by_one(source, now, limit) if limit > 1 else _set_aside(source, now)
    if intended and providers:
        seam("intended")
        real_now = clock.now()
        _lease, deadline_at = intents.lease_and_deadline(real_now)
        deadline = began + (deadline_at - real_now).total_seconds()
        intended, unprepared = prepared(intended, providers)
        if unprepared:
            report.add(_record_surely(source, unprepared, now, deadline))
        for answers in call_in_groups(intended, providers, source.wanted(), deadline):
            seam("called")
            report.add(_record_surely(source, answers, now, deadline))
            seam("recorded")
    return report


def _one_by_one(source: WorkSource, now: datetime, limit: int) -> Report:
    total = Report()
    for _ in range(limit):
        one = run_batch(source, now, 1)
        total.add(one)
        if not one.due:
            break
    return total


def _set_aside(source: WorkSource, now: datetime) -> Report:
    """The piece of work that comes first is held until staff decide."""
    with transaction.atomic():
        report = source.put_off([(item, Decision(Reason.SET_ASIDE)) for item in source.claim(now, 1)], now)
    report.due = report.held
    return report


def record_answers(source: WorkSource, answers: Sequence[Answer], now: datetime) -> Report:
    """Facts of the attempts, then the work they belong to, in one transaction under the leads' locks."""
    with transaction.atomic():
        lock_all([answer.intent.item.lead.id for answer in answers])
        answers = outages.noted(answers, clock.now())
        record(answers, now)
        return source.settle(answers, now)


def _record_surely(source: WorkSource, answers: Sequence[Answer], now: datetime, deadline: float) -> Report:
    """A database that is gone for a moment must not cost an answer: tried again until the lease is near its end."""
    while True:
        try:
            return record_answers(source, answers, now)
        except OperationalError:
            if clock.monotonic() > deadline:
                raise
            log.warning("record_again", answers=len(answers))
            connection.close()
            clock.sleep(RECORD_AGAIN)


def _claim_and_intend(
    source: WorkSource, now: datetime, limit: int
) -> tuple[Report, list[Intent], ActiveProviders | None]:
    items = source.claim(now, limit)
    if not items:
        return Report(), [], None
    around = surroundings([item.lead for item in items], now)
    decided = [_decided(item, around, now) for item in items]
    to_send, beyond_pace = _within_pace([(item, facts) for item, facts, decision in decided if decision.sends], around)
    prepared, unrenderable = intents.prepare(to_send, source.origin, around.providers, now)
    put_off: list = [(item, decision) for item, _facts, decision in decided if not decision.sends]
    report = source.put_off([*put_off, *unrenderable], now)
    report.due = len(items) - beyond_pace
    report.paced = beyond_pace
    return report, _start(source, prepared), around.providers


def _decided(item: WorkItem, around: Surroundings, now: datetime) -> tuple[WorkItem, Facts, Decision]:
    try:
        facts = facts_of(item, around)
        return item, facts, policy.decide(facts, now)
    except Exception:  # whatever is wrong with this one must not keep the others from being sent
        log.exception("item_set_aside", work=item.id)
        return item, NO_FACTS, Decision(Reason.SET_ASIDE)


def _start(source: WorkSource, prepared: list[Prepared]) -> list[Intent]:
    """Claim by compare-and-set, then save the intents of those that are really ours."""
    if not prepared:
        return []
    real_now = clock.db_now()
    lease_until, _deadline = intents.lease_and_deadline(real_now)
    attempts = {intent.item.id: intent.attempt_id for intent, _row in prepared}
    ours = source.start([intent.item for intent, _row in prepared], attempts, lease_until, this_worker())
    started = [(intent, row) for intent, row in prepared if intent.item.id in ours]
    intents.save([row for _intent, row in started], real_now)
    return [intent for intent, _row in started]


def _within_pace(judged: Sequence[Judged], around: Surroundings) -> tuple[list[Judged], int]:
    """Those which their provider's pace lets start now, the oldest first, and how many must wait."""
    wanted: dict[str, int] = {}
    for _item, facts in judged:
        wanted[facts.provider or ""] = wanted.get(facts.provider or "", 0) + 1
    granted = pace.take(wanted, around.providers.rates(), clock.now())
    within: list[Judged] = []
    for item, facts in judged:
        if granted[facts.provider or ""] > 0:
            granted[facts.provider or ""] -= 1
            within.append((item, facts))
    return within, len(judged) - len(within)
