"""What the answers of a batch say about the providers themselves; and what their outage must not cost a message."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from campaigns.delivery.work import Answer, Outcome
from campaigns.reasons import Reason
from integrations import breaker
from integrations.breaker import Outcomes


def noted(answers: Sequence[Answer], real_now: datetime) -> list[Answer]:
    """Tell the breaker what came of these calls; the answers, where an outage failed them, postponed.

    What was looked up, or never called, says nothing about a provider. Call it in the recording transaction, after
    the leads are locked.
    """
    came: dict[str, Outcomes] = {}
    for answer in answers:
        if answer.called_at is None:
            continue
        _count(came.setdefault(answer.intent.provider, Outcomes()), answer)
    left_alone = breaker.note(came, real_now)
    if not left_alone:
        return list(answers)
    until = {name: row.retry_at for name, row in left_alone.items() if row.opened_at and row.retry_at}
    return [_spared(answer, until.get(answer.intent.provider), real_now) for answer in answers]


def _count(came: Outcomes, answer: Answer) -> None:
    match answer.outcome, answer.reason:
        case Outcome.SENT, _ if answer.receipt and answer.receipt.pause is None:
            came.answered += 1
            return
        case Outcome.POSTPONED, Reason.RATE_LIMITED:
            came.retry_after = max(came.retry_after or 0, answer.wait.total_seconds())
        case Outcome.POSTPONED, Reason.PROVIDER_REFUSES:
            came.refused += 1
        case Outcome.POSTPONED, _:
            return  # it was never called
        case (Outcome.UNKNOWN | Outcome.UNCONFIRMED, _) | (
            Outcome.REFUSED,
            Reason.NOT_HANDED_OVER | Reason.MISCONFIGURED,
        ):
            came.failed += 1
        case Outcome.SENT, _ if answer.receipt and answer.receipt.pause is not None:
            came.answered += 1
            came.retry_after = max(came.retry_after or 0, answer.receipt.pause)
        case _:
            came.answered += 1
            return
    came.detail = answer.detail


def _spared(answer: Answer, until: datetime | None, real_now: datetime) -> Answer:
    """What did not reach a provider that fails for everybody is held, and costs no try."""
    hit = answer.outcome == Outcome.REFUSED and answer.reason == Reason.NOT_HANDED_OVER
    hit = hit or answer.reason == Reason.PROVIDER_REFUSES
    if until is None or not hit:
        return answer
    return replace(answer, outcome=Outcome.POSTPONED, reason=Reason.PROVIDER_DOWN, wait=until - real_now)
