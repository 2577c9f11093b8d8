"""The demo's conversions: what was bought, what waits for its confirmation, what was taken back."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from campaigns.models import ContactAttempt
from conversions.demo import outcomes
from conversions.demo.chance import Dice, made_id, one_of
from conversions.models import Conversion

Standing = Conversion.Standing
WORDS: dict[str, tuple[tuple[str, float], ...]] = {
    Standing.CONFIRMED: (("sale", 82), ("deposit", 18)),
    Standing.PENDING: (("lead", 70), ("trial", 30)),
    Standing.REJECTED: (("rejected", 80), ("chargeback", 20)),
}
EURO_SHARE, AGAIN_SHARE, STRAY = 0.06, 0.09, 9


def earn(rng: Dice, purchases: list[tuple[ContactAttempt, datetime, Standing]], now: datetime) -> list[Conversion]:
    """A row per purchase, a second one for those who bought again, and a few that nobody could be found for."""
    rows = []
    for attempt, at, standing in purchases:
        first = _row(rng, attempt, at, standing, "1")
        rows.append(first)
        again = at + timedelta(days=rng.randrange(3, 30), minutes=rng.randrange(1440))
        if standing == Standing.CONFIRMED and rng.random() < AGAIN_SHARE and again < now:
            more = _row(rng, attempt, again, standing, "2")
            more.status, more.sub_id, more.currency = "rebill", first.sub_id, first.currency
            more.dedupe_key = f"{more.sub_id}:{more.tid}"
            rows.append(more)
    return rows + [_stray(rng, now) for _ in range(STRAY)]


def _row(rng: Dice, attempt: ContactAttempt, at: datetime, standing: Standing, turn: str) -> Conversion:
    amount = outcomes.price(rng)
    word = one_of(rng, WORDS[standing])
    sub_id, tid = f"click{rng.getrandbits(48):012x}", f"T{rng.getrandbits(32):08x}{turn}"
    data: dict[str, Any] = {"subid": sub_id, "tid": tid, "status": word, "payout": str(amount), "sub_id_1": attempt.pk}
    if standing == Standing.REJECTED:
        data |= {"payout": "0", "history": [{"status": "sale", "revenue": str(amount)}]}
    return Conversion(
        id=made_id(rng, at),
        lead_id=attempt.lead_id,
        campaign_id=attempt.campaign_id,
        contact_attempt=attempt,
        channel=attempt.channel,
        revenue=Decimal(0) if standing == Standing.REJECTED else amount,
        currency="EUR" if rng.random() < EURO_SHARE else "USD",
        status=word,
        standing=standing,
        sub_id=sub_id,
        click_id="",
        tid=tid,
        source="keitaro",
        dedupe_key=f"{sub_id}:{tid}",
        postback_data=data,
        confirmed_at=at if standing == Standing.CONFIRMED else None,
        created_at=at,
        updated_at=at,
    )


def _stray(rng: Dice, now: datetime) -> Conversion:
    """A postback whose click nobody knows: kept, and linked by hand."""
    at = now - timedelta(minutes=rng.randrange(200, 60_000))
    sub_id, amount = f"stray{rng.getrandbits(48):012x}", outcomes.price(rng)
    return Conversion(
        id=made_id(rng, at),
        revenue=amount,
        currency="USD",
        status="lead",
        standing=Standing.PENDING,
        sub_id=sub_id,
        source="keitaro",
        dedupe_key=f"{sub_id}:",
        postback_data={"subid": sub_id, "status": "lead", "payout": str(amount)},
        created_at=at,
        updated_at=at,
    )
