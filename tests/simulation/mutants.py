"""Faults planted in the product, each of which the simulator must find. One that survives is a hole in it.

Where two guards cover each other, the mutant takes both away: either alone would keep the promise.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from django.db import transaction

from campaigns.delivery import call, reconcile, rounds
from campaigns.delivery.work import Report
from campaigns.models import ContactAttempt
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


def _unfenced(*, bump: bool) -> Callable[..., set[str]]:
    """`update_rows` that neither compares fence nor status: where work starts (``bump``), or where it ends."""

    def update(model: Any, rows: Any, *, match: Any = (), bump_: Any = (), **still: Any) -> set[str]:
        if model is SequenceStepExecution and bool(bump_) == bump:
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
    return {"campaigns.policy.contacts_today": lambda facts, now: 0}


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

    def begin(group: Any, wanted: Any, deadline: float) -> set[str]:
        begun = {intent.attempt_id for intent in group}
        ContactAttempt.objects.filter(pk__in=begun).update(called_at=clock.now())
        return begun

    return {"campaigns.delivery.call._begin": begin}


def _loses_who_paused() -> Patches:
    """A step that ends while its enrollment is paused gets no next one."""

    def forget(finished: Any, now: Any) -> int:
        status = SequenceEnrollment.Status.ACTIVE
        return advance([one for one in finished if one.enrollment.status == status], now)

    return {"sequences.due_steps.advance": forget}


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
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The product with one fault in it."""
    with ExitStack() as stack:
        for path, replacement in MUTANTS[name]().items():
            stack.enter_context(patch(path, replacement))
        yield
