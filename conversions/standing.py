"""What a sender's status word means to us, and which change of a conversion it makes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from conversions.models import Conversion

PENDING, CONFIRMED, REJECTED = Conversion.Standing.PENDING, Conversion.Standing.CONFIRMED, Conversion.Standing.REJECTED
WORDS = {
    PENDING: ("lead", "hold", "registration", "reg", "trial", "signup", "pending"),
    CONFIRMED: ("sale", "deposit", "dep", "ftd", "rebill", "upsell", "approved", "confirmed"),
    REJECTED: ("rejected", "reject", "trash", "cancelled", "canceled", "declined", "refund", "chargeback"),
}
STANDINGS = {word: standing for standing, words in WORDS.items() for word in words}
DEFAULT_WORD = "lead"


@dataclass(frozen=True, slots=True)
class Word:
    """A status as we keep it, what it stands for, and a warning when nobody told us what it means."""

    text: str
    standing: Conversion.Standing
    warning: str = ""


def read(status: str) -> Word:
    """A sender's status; a missing one is a lead, an unknown one stands as pending."""
    text = status.strip().lower()[:40]
    if not text:
        return Word(DEFAULT_WORD, PENDING, "No status was given; it counts as a lead.")
    if text in STANDINGS:
        return Word(text, STANDINGS[text])
    return Word(text, PENDING, f"The status {text!r} is not known; it counts as pending.")


def change(row: Conversion, word: Word, revenue: Decimal, currency: str, at: datetime) -> dict[str, Any]:
    """The columns that what was received ``at`` changes; nothing when it is late, known, or the row is final."""
    new = {"status": word.text, "standing": word.standing, "revenue": revenue, "currency": currency}
    match row.standing, word.standing:
        case Conversion.Standing.REJECTED, _:
            return {}
        case Conversion.Standing.CONFIRMED, Conversion.Standing.PENDING:
            return {}
        case _, Conversion.Standing.REJECTED:
            return new | {"revenue": Decimal(0), "currency": row.currency}
        case Conversion.Standing.PENDING, Conversion.Standing.CONFIRMED:
            return new
    is_known = (row.status, row.revenue, row.currency) == (word.text, revenue, currency)
    return {} if is_known or at < last_received(row) else new


def last_received(row: Conversion) -> datetime:
    """When what the row says now came in."""
    history = row.postback_data.get("history")
    return datetime.fromisoformat(history[-1]["at"]) if history else row.created_at


def with_history(data: dict[str, Any], row: Conversion, at: datetime) -> dict[str, Any]:
    """``data`` and everything the row ever said, what it says now last."""
    entry = {"at": at.isoformat(), "status": row.status, "revenue": float(row.revenue), "currency": row.currency}
    return data | {"history": [*(row.postback_data.get("history") or []), entry]}
