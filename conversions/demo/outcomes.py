"""What comes of one contact: arrived, refused, answered, bought. Shares are those a small team would see."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from conversions.demo import words
from conversions.demo.chance import Dice, one_of
from conversions.models import Conversion
from retention_center.lib.channels import Channel

Status = ContactAttempt.Status
ENDS: dict[str, tuple[tuple[str, float], ...]] = {
    Channel.EMAIL: (
        ("delivered", 70),
        ("clicked", 17),
        ("sent", 7),
        ("bounced", 2.4),
        ("failed", 0.8),
        ("replied", 1.8),
    ),
    Channel.SMS: (("delivered", 88), ("sent", 4.5), ("failed", 3.4), ("replied", 2.6)),
    Channel.CALL: (("talked", 41), ("voicemail", 44), ("failed", 13), ("replied", 1.2)),
    Channel.WEBHOOK: (("delivered", 98), ("failed", 2)),
}
OPT_OUT = {Channel.EMAIL: 0.0035, Channel.SMS: 0.004, Channel.CALL: 0.002, Channel.WEBHOOK: 0.0}
BUYS = {"clicked": 0.085, "talked": 0.06, "delivered": 0.011, "replied": 0.05}
PRICES = ("19.00", "29.00", "49.00", "79.00", "99.00", "129.00", "149.00", "199.00", "249.00", "390.00")
PRICE_WEIGHTS = (6, 10, 14, 14, 16, 12, 10, 8, 6, 4)


@dataclass(frozen=True)
class Outcome:
    """How one accepted contact ended, as the attempt keeps it."""

    end: str
    status: str
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    duration: int | None = None
    takes: timedelta = timedelta(seconds=2)  # until its last report came

    @property
    def replied(self) -> bool:
        return self.end == "replied"


def drawn(rng: Dice, channel: str, at: datetime) -> Outcome:
    """One outcome of a contact at ``at`` on the channel."""
    end = one_of(rng, ENDS[channel])
    takes = timedelta(seconds=rng.randrange(20, 400))
    if end == "sent":
        return Outcome(end, Status.SENT)
    if end == "bounced":
        return Outcome(end, Status.BOUNCED, Reason.BOUNCED, {"bounced": True}, takes=takes)
    if end == "failed":
        return Outcome(end, Status.FAILED, Reason.NOT_DELIVERED, takes=takes)
    if end == "replied":
        return _reply(rng, channel, at)
    if channel == Channel.CALL:
        seconds = rng.randrange(35, 340) if end == "talked" else rng.randrange(4, 22)
        facts = {"outcome": "answered" if end == "talked" else "voicemail", "duration": seconds}
        status = Status.SUCCESS if end == "talked" else Status.DELIVERED
        return Outcome(end, status, "", facts, seconds, timedelta(seconds=seconds))
    if end == "clicked":
        clicked = timedelta(minutes=rng.randrange(3, 600))
        return Outcome(end, Status.SUCCESS, "", {"opened": True, "clicked": True}, takes=clicked)
    facts = {"opened": True} if channel == Channel.EMAIL and rng.random() < 0.38 else {}
    return Outcome(end, Status.DELIVERED, "", facts, takes=takes)


def _reply(rng: Dice, channel: str, at: datetime) -> Outcome:
    takes = timedelta(minutes=rng.randrange(4, 300))
    is_call = channel == Channel.CALL
    seconds = rng.randrange(60, 200) if is_call else None
    text = rng.choice(words.CALL_NOTES if is_call else words.REPLIES)
    facts = {"replied": True, "reply_text": text, "repliedAt": (at + takes).isoformat()}
    return Outcome("replied", Status.SUCCESS, "", facts, seconds, takes)


def cost(rng: Dice, channel: str, duration: int | None) -> Decimal | None:
    """What the provider took for it, in dollars; webhooks cost nothing."""
    match channel:
        case Channel.EMAIL:
            return Decimal("0.0004")
        case Channel.SMS:
            return Decimal(rng.choice(("0.0079", "0.0079", "0.0158", "0.0410")))
        case Channel.CALL:
            return (Decimal("0.0900") * Decimal(duration or 0) / 60).quantize(Decimal("0.0001"))
    return None


def standing(rng: Dice) -> Conversion.Standing:
    """How a reported purchase stands: most are paid, some wait, some are taken back."""
    standings = Conversion.Standing
    return one_of(rng, ((standings.CONFIRMED, 80), (standings.PENDING, 13), (standings.REJECTED, 7)))


def price(rng: Dice) -> Decimal:
    return Decimal(rng.choices(PRICES, PRICE_WEIGHTS)[0])
