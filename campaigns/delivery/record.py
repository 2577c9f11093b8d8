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
from retention_center.lib.bulk import listed, update_rows

STATUS = ContactAttempt.Status
REPORTED = {
    Outcome.SENT: STATUS.SENT,
    Outcome.UNKNOWN: STATUS.UNKNOWN,
    Outcome.UNCONFIRMED: STATUS.UNKNOWN,
    Outcome.REFUSED: STATUS.FAILED,
    Outcome.POSTPONED: STATUS.FAILED,
}
NOT_KNOWN = (STATUS.PENDING, STATUS.UNKNOWN)
NOTHING_YET = ContactAttempt()  # what every attempt is until somebody writes to it
FLAGS = ("opened", "clicked", "replied", "bounced")
CALL_STAGES = ("scheduled", "queued", "ringing", "in-progress", "forwarding", "not-found", "deletion-failed", "ended")
SMS_STAGES = (
    *("accepted", "scheduled", "queued", "sending", "sent"),
    *("canceled", "undelivered", "failed", "partially_delivered", "delivered", "read"),
)
STAGES = {"call_status": CALL_STAGES, "status": SMS_STAGES}
DATED = {"sent_at": ("sent_at", "step")}  # what belongs to a time; of two times the later counts


def raised(old: str, new: str) -> str:
    """The higher of two statuses: they only ever move up (INV-11)."""
    return new if ContactAttempt.RANK[new] > ContactAttempt.RANK[old] else old


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Later facts over earlier ones; a flag never goes from true to false, nor a message or call back to its beginning:
    whatever the order in which reports come, the end is the same."""
    if not old:
        return dict(new)
    result = {**old, **new}
    for name, stages in STAGES.items():
        if name in old and name in new:
            result[name] = max(old[name], new[name], key=lambda word: (_stage(word, stages), str(word)))
    for time, names in DATED.items():
        if str(old.get(time, "")) > str(new.get(time, "")):
            result |= {name: old[name] for name in names if name in old}
    if "startedAt" in old and "startedAt" in new:
        result["startedAt"] = min(str(old["startedAt"]), str(new["startedAt"]))
    return result | {flag: True for flag in FLAGS if old.get(flag) or new.get(flag)}


def _stage(word: Any, stages: Sequence[str]) -> int:
    return stages.index(word) if word in stages else -1


def record(answers: Sequence[Answer], now: datetime) -> None:
    """Merge the answers into their attempts; call it with the leads locked, before the source settles."""
    untouched = [{"id": answer.intent.attempt_id} | _facts(NOTHING_YET, answer, now) for answer in answers]
    written = update_rows(ContactAttempt, untouched, status=STATUS.PENDING)
    _merge([answer for answer in answers if answer.intent.attempt_id not in written], now)
    if reports := _reports(answers):
        inbox.receive_many(reports)
    mark_contacted([answer.intent.item.lead.id for answer in answers if _is_first_contact(answer)])


def mark_contacted(lead_ids: Sequence[str]) -> None:
    """New leads to whom something went out are contacted."""
    if lead_ids:
        Lead.objects.filter(pk__in=listed(lead_ids), status=Lead.Status.NEW).update(
            status=Lead.Status.CONTACTED, matched_at=clock.now(), updated_at=clock.now()
        )


def _is_first_contact(answer: Answer) -> bool:
    return answer.outcome == Outcome.SENT and answer.intent.item.lead.status == Lead.Status.NEW


def _merge(answers: Sequence[Answer], now: datetime) -> None:
    """Somebody was here before: a report that came early, or a reconciliation. Facts are added, none is lost."""
    if not answers:
        return
    attempts = ContactAttempt.objects.select_for_update().in_bulk([answer.intent.attempt_id for answer in answers])
    known = [(attempts[answer.intent.attempt_id], answer) for answer in answers]
    update_rows(ContactAttempt, [{"id": attempt.pk} | _facts(attempt, answer, now) for attempt, answer in known])


def _facts(attempt: ContactAttempt, answer: Answer, now: datetime) -> dict[str, Any]:
    receipt = answer.receipt
    is_unsent = answer.outcome in {Outcome.REFUSED, Outcome.POSTPONED} and attempt.status in NOT_KNOWN
    facts = dict(receipt.result) if receipt else {}
    if answer.detail:
        facts["error"] = answer.detail
    return {
        "status": raised(attempt.status, REPORTED[answer.outcome]),
        "provider_ref": attempt.provider_ref or (receipt.reference[:255] if receipt else None) or None,
        "was_unsent": attempt.was_unsent or is_unsent,
        "called_at": attempt.called_at or answer.called_at,
        "reason": _reason(attempt, answer),
        "cost": receipt.cost if receipt and receipt.cost is not None else attempt.cost,
        "currency": receipt.currency if receipt and receipt.currency else attempt.currency,
        "completed_at": attempt.completed_at or (now if is_unsent else None),
        "result": merged(attempt.result, facts),
    }


def _reason(attempt: ContactAttempt, answer: Answer) -> str:
    """Why it did not go out; what a report or a look-up has said before stands."""
    if attempt.status not in NOT_KNOWN:
        return attempt.reason
    return "" if answer.outcome == Outcome.SENT else str(answer.reason or Reason.REFUSED)


def _reports(answers: Sequence[Answer]) -> list[InboundEvent]:
    """What a provider already reports while accepting (the sandbox does) or refusing (Twilio, of a person who had said
    STOP) goes the way of every report: the inbox."""
    return [
        InboundEvent(
            provider=answer.intent.provider,
            kind=report.kind,
            event_key=f"{reference or answer.intent.message.key}:{report.kind}:{number}",
            facts=dict(report.facts),
            attempt_id=answer.intent.attempt_id,
            provider_ref=reference,
        )
        for answer in answers
        if answer.receipt or answer.told
        for reference, reports in [
            (answer.receipt.reference, answer.receipt.reports) if answer.receipt else ("", answer.told)
        ]
        for number, report in enumerate(reports)
    ]
