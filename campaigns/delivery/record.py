"""Writing down what came of intents: facts of the attempt always, whoever still owns the work."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from campaigns.delivery.work import Answer, Outcome
from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations import inbox
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.bulk import update_rows

STATUS = ContactAttempt.Status
FLAGS = ("opened", "clicked", "replied", "bounced")


def raised(old: str, new: str) -> str:
    """The higher of two statuses: they only ever move up (INV-11)."""
    return max(old, new, key=lambda status: ContactAttempt.RANK[STATUS(status)])


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Later facts over earlier ones; a flag never goes from true to false."""
    result = {**old, **new}
    return result | {flag: True for flag in FLAGS if old.get(flag) or new.get(flag)}


def record(answers: Sequence[Answer], now: datetime) -> None:
    """Merge the answers into their attempts; call it with the leads locked, before the source settles."""
    attempts = ContactAttempt.objects.select_for_update().in_bulk([answer.intent.attempt.pk for answer in answers])
    update_rows(ContactAttempt, [_facts(attempts[answer.intent.attempt.pk], answer, now) for answer in answers])
    inbox.receive_many(_reports(answers))
    first_contacts = [answer.intent.item.lead.pk for answer in answers if answer.outcome == Outcome.SENT]
    Lead.objects.filter(pk__in=first_contacts, status=Lead.Status.NEW).update(
        status=Lead.Status.CONTACTED, matched_at=clock.now(), updated_at=clock.now()
    )


def _facts(attempt: ContactAttempt, answer: Answer, now: datetime) -> dict[str, Any]:
    receipt = answer.receipt
    is_unsent = answer.outcome in {Outcome.REFUSED, Outcome.POSTPONED} and attempt.status == STATUS.PENDING
    reported = {
        Outcome.SENT: STATUS.SENT,
        Outcome.UNKNOWN: STATUS.UNKNOWN,
        Outcome.REFUSED: STATUS.FAILED,
        Outcome.POSTPONED: STATUS.FAILED,
    }[answer.outcome]
    facts = dict(receipt.result) if receipt else {}
    if answer.detail:
        facts["error"] = answer.detail
    return {
        "id": attempt.pk,
        "status": raised(attempt.status, reported),
        "provider_ref": attempt.provider_ref or (receipt.reference if receipt else None) or None,
        "was_unsent": attempt.was_unsent or is_unsent,
        "reason": "" if answer.outcome == Outcome.SENT else str(answer.reason or Reason.REFUSED),
        "cost": receipt.cost if receipt and receipt.cost is not None else attempt.cost,
        "currency": receipt.currency if receipt and receipt.currency else attempt.currency,
        "completed_at": attempt.completed_at or (now if is_unsent else None),
        "result": merged(attempt.result, facts),
    }


def _reports(answers: Sequence[Answer]) -> list[InboundEvent]:
    """What a provider already reports while accepting (the sandbox does) goes the way of every report: the inbox."""
    return [
        InboundEvent(
            provider=answer.intent.attempt.provider,
            kind=report.kind,
            event_key=f"{answer.receipt.reference}:{report.kind}:{number}",
            facts=dict(report.facts),
            attempt_id=answer.intent.attempt.pk,
            provider_ref=answer.receipt.reference,
        )
        for answer in answers
        if answer.receipt
        for number, report in enumerate(answer.receipt.reports)
    ]
