"""A forecast in words: what it takes for granted, and its one line."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from retention_center.lib.channels import Channel
from retention_center.pages.words import money, number, plural
from sequences.forecast_tally import Tally
from sequences.models import RetentionSequence

STATUS = RetentionSequence.Status


def assumptions(
    sequence: RetentionSequence, tally: Tally, rates: Mapping[str, float | None], *, cut_off_at: int
) -> list[str]:
    """What must be true for the forecast to come true, a sentence each; ``cut_off_at``: after how many leads, or 0."""
    said = [
        "Every message is sent at its first try, and nobody converts, replies, opts out or is changed by staff.",
        "Steps whose condition asks about a result see “sent” for what is foreseen: not delivered, replied or clicked.",
        "The processor runs every minute; contact hours, caps, gaps and holidays stay as they are now.",
    ]
    if sequence.status != STATUS.ACTIVE:
        said.append(f"The sequence is {sequence.get_status_display().lower()}; this is as if it were activated now.")
    said.append(_entrants(sequence, tally))
    said.append("Other sequences and campaigns count with what they have sent, not with what they have planned.")
    if paced := sorted(name for name, rate in rates.items() if rate is not None and _uses(tally, name)):
        said.append(f"The whole pace of {', '.join(paced)} is free for this sequence.")
    said += _costs(tally)
    if cut_off_at:
        said.insert(0, f"It was cut off after {plural(cut_off_at, 'lead')}; the real numbers are higher.")
    return said


def headline(result: Mapping[str, Any]) -> str:
    """ "1,240 contacts for 512 leads in 14 days, about $37.20"."""
    totals = result["totals"]
    contacts, leads = plural(totals["contacts"], "contact"), plural(totals["contacted"], "lead")
    return f"{contacts} for {leads} in {plural(len(result['days']), 'day')}, {cost(totals)}"


def cost(told: Mapping[str, Any]) -> str:
    """What a row or the whole costs: "about $37.20", "costs nothing", "cost unknown"."""
    known = " and ".join(amount(paid, currency) for currency, paid in told["cost"].items())
    if told["unknown_cost"]:
        return f"about {known} and what nobody knows" if known else "cost unknown"
    return f"about {known}" if known else "costs nothing"


def amount(paid: str, currency: str) -> str:
    """ "$37.20": an estimate has no use for more than cents, unless it is less than one."""
    exact = Decimal(paid)
    return money(exact.quantize(Decimal("0.01")) if exact >= Decimal("0.01") else exact, currency)


def _entrants(sequence: RetentionSequence, tally: Tally) -> str:
    if sequence.trigger_type == RetentionSequence.Trigger.MANUAL:
        return "Nobody is enrolled by hand or by the API meanwhile."
    known = f"{plural(tally.entering, 'known lead enters', 'known leads enter')} by themselves"
    most = f", at most {number(sequence.entrants_per_day)} a day" if sequence.entrants_per_day else ""
    existing = "" if sequence.activated_at else " (those who match already are taken too)"
    return f"{known}{most}{existing}; nobody new is added, and whoever finishes in these days does not enter again."


def _costs(tally: Tally) -> list[str]:
    said = []
    if any(tally.is_priced(key) for key in tally.used()):
        said.append("Costs are what contacts through the same provider have cost on average in the last 90 days.")
    if unknown := [f"{Channel(channel).label} through {provider}" for provider, channel in tally.unpriced()]:
        said.append(f"Nobody knows yet what this costs: {', '.join(unknown)}.")
    return said


def _uses(tally: Tally, provider: str) -> bool:
    return any(name == provider for name, _channel in tally.used())
