"""Faults planted in the product, each of which the simulator must find. One that survives is a hole in it.

Where two guards cover each other, the mutant takes both away: either alone would keep the promise.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.db.models import Q

from campaigns.delivery import call, reconcile, rounds
from campaigns.delivery.work import Report
from campaigns.models import CampaignLead, ContactAttempt
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.bulk import update_rows
from retention_center.lib.seams import seam
from sequences import enrolling
from sequences.advancing import advance
from sequences.models import SequenceEnrollment, SequenceStepExecution

Patches = Mapping[str, Any]


def _blind_to_leads() -> Patches:
    """Nobody asks, on entering or before an intent, whether the lead may be contacted."""

    def refusal(lead: Lead | None, before: SequenceEnrollment | None) -> str:
        return "already" if before is not None and before.status in SequenceEnrollment.OPEN else ""

    return {
        "sequences.enrolling._refusal": refusal,
        "campaigns.policy._ended": lambda facts: None,
        "campaigns.delivery.facts.is_barred": lambda *_: False,
    }


def _claims_without_comparing() -> Patches:
    """Picked in one transaction, started in another, and whoever comes second takes it all the same."""

    def run_batch(source: Any, now: Any, limit: int = 500) -> Report:
        began = clock.monotonic()
        with transaction.atomic():
            items = source.claim(now, limit)
        seam("picked")
        source.claim = lambda now, limit: items
        with transaction.atomic():
            report, intended, providers = rounds._claim_and_intend(source, now, limit)
        del source.claim
        if intended and providers:
            for answers in call.call_in_groups(intended, providers, source.wanted(), began + 230):
                report.add(rounds.record_answers(source, answers, now))
        return report

    return {"sequences.processor.run_batch": run_batch, "sequences.due_steps.update_rows": _unfenced(bump=True)}


def _records_without_fence() -> Patches:
    return {"sequences.due_steps.update_rows": _unfenced(bump=False)}


def _records_contacts_without_fence() -> Patches:
    return {"campaigns.due_contacts.update_rows": _unfenced(bump=False)}


def _unfenced(*, bump: bool) -> Callable[..., set[str]]:
    """`update_rows` that neither compares fence nor status: where work starts (``bump``), or where it ends."""

    def update(model: Any, rows: Any, *, match: Any = (), bump_: Any = (), **still: Any) -> set[str]:
        if model in {SequenceStepExecution, CampaignLead} and bool(bump_) == bump:
            return update_rows(model, [_without_fence(row) for row in rows], bump=bump_)
        return update_rows(model, rows, match=match, bump=bump_, **still)

    return lambda model, rows, **kept: update(model, rows, bump_=kept.pop("bump", ()), **kept)


def _without_fence(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "fence"}


def _retries_blindly() -> Patches:
    return {
        "campaigns.delivery.reconcile._ask": lambda left, real_now: [reconcile._not_called(one) for one in left],
    }


def _counts_nothing() -> Patches:
    return {"campaigns.policy.contacts_today": lambda *_: 0}


def _never_closes() -> Patches:
    return {"campaigns.policy.opens_at": lambda facts, moment: moment}


def _converts_only_active() -> Patches:
    def end(lead_ids: Any, status: str, reason: str, now: Any) -> int:
        active = SequenceEnrollment.objects.filter(lead__in=lead_ids, status=SequenceEnrollment.Status.ACTIVE)
        return enrolling.end_runs(list(active), status, reason, now)

    return {"sequences.enrolling._end_for": end}


def _lets_statuses_fall() -> Patches:
    return {"campaigns.inbound.raised": lambda old, new: new}


def _calls_whatever_happened() -> Patches:
    """Neither the deadline nor the lead is looked at once more before the call."""

    def begin(_provider: Any, group: Any, wanted: Any, deadline: float) -> tuple[set[str], datetime]:
        begun = {intent.attempt_id for intent in group}
        ContactAttempt.objects.filter(pk__in=begun).update(called_at=clock.now())
        return begun, clock.now()

    return {"campaigns.delivery.call._begin": begin} | _calls_late()


def _forgets_the_deadline() -> Patches:
    begin = call._begin
    late = {"campaigns.delivery.call._begin": lambda who, group, wanted, _: begin(who, group, wanted, math.inf)}
    return late | _calls_late()


def _calls_late() -> Patches:
    """The deadline is not looked at right before the call."""
    really = call._call
    return {"campaigns.delivery.call._call": lambda who, intent, _: really(who, intent, math.inf)}


def _does_not_ask_again() -> Patches:
    """Whether the work still stands is not asked when the call begins."""
    begin = call._begin
    return {
        "campaigns.delivery.call._begin": lambda who, group, wanted, until: begin(who, group, Q(), until),
        "campaigns.delivery.call._barred": lambda group: set(),
    }


def _marks_nothing() -> Patches:
    """That a call begins is not written down."""
    begin = call._begin

    def unmarked(provider: Any, group: Any, *rest: Any) -> tuple[set[str], datetime]:
        begun, at = begin(provider, group, *rest)
        ContactAttempt.objects.filter(pk__in=begun).update(called_at=None)
        return begun, at

    return {"campaigns.delivery.call._begin": unmarked}


def _does_not_settle() -> Patches:
    """What came of a call is looked up while it may still be on its way."""
    at_once: Patches = {
        "sequences.due_steps.is_ripe": lambda *_: True,
        "campaigns.due_contacts.is_ripe": lambda *_: True,
    }
    return at_once


def _intends_nothing() -> Patches:
    return {"campaigns.delivery.intent.save": lambda rows, real_now: None}


def _sends_through_pauses() -> Patches:
    return {"campaigns.delivery.facts._is_stopped": lambda *_: False}


def _believes_old_enrollments() -> Patches:
    """A worker goes on with a run as it was when it claimed, though it has ended since."""
    return {"sequences.due_steps.DueSteps._refresh": lambda self, items: None}


def _leaves_campaigns_open() -> Patches:
    """Who goes off is taken out of sequences, but not out of campaigns, and no gate asks."""
    return _blind_to_leads() | {"campaigns.assigning._complete": lambda *_: 0}


def _loses_who_paused() -> Patches:
    """A step that ends while its enrollment is paused gets no next one."""

    def forget(finished: Any, now: Any) -> int:
        status = SequenceEnrollment.Status.ACTIVE
        return advance([one for one in finished if one.enrollment.status == status], now)

    return {"sequences.due_steps.advance": forget}


def _claims_without_locks() -> Patches:
    """What is due is read, but not locked; what it stands for may change until the intent is written."""

    def rows(executions: Any) -> list[SequenceStepExecution]:
        return list(executions.select_related("enrollment", "lead"))

    return {"sequences.due_steps.locked_steps": rows}


MUTANTS: dict[str, Callable[[], Patches]] = {
    "the lead's state is not looked at before an intent": _blind_to_leads,
    "a claim does not compare": _claims_without_comparing,
    "a record does not ask for its fence": _records_without_fence,
    "an unknown outcome is sent again": _retries_blindly,
    "the daily cap is not counted": _counts_nothing,
    "the contact hours are not looked at": _never_closes,
    "a conversion ends only active runs": _converts_only_active,
    "a report lowers a status": _lets_statuses_fall,
    "nothing is looked at once more before the call": _calls_whatever_happened,
    "who is paused gets no next step": _loses_who_paused,
    "a campaign's record does not ask for its fence": _records_contacts_without_fence,
    "a call begins after its deadline": _forgets_the_deadline,
    "whether it is still wanted is not asked when a call begins": _does_not_ask_again,
    "that a call begins is not written down": _marks_nothing,
    "an outcome is looked up before it has settled": _does_not_settle,
    "a call is made without an intent": _intends_nothing,
    "stopped sending is not looked at": _sends_through_pauses,
    "a run that has ended is gone on with": _believes_old_enrollments,
    "a campaign keeps those who went off": _leaves_campaigns_open,
}

# What only shows between two statements of one transaction
BETWEEN_STATEMENTS: dict[str, Callable[[], Patches]] = {
    "a claim locks nothing": _claims_without_locks,
}

# Where a rare one was found last: that seed is tried first, then all in order
FOUND_AT = {
    "a campaign's record does not ask for its fence": 76,
    "whether it is still wanted is not asked when a call begins": 36,
    "a conversion ends only active runs": 29,
    "a claim locks nothing": 12,
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with one fault in it."""
    with ExitStack() as stack:
        for path, replacement in (MUTANTS | BETWEEN_STATEMENTS)[name]().items():
            stack.enter_context(patch(path, replacement))
        yield
