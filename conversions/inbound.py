"""The inbox's handler for conversions."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from conversions import recording
from conversions.matching import Clues
from integrations import inbox
from integrations.models import InboundEvent

NOBODY = "No lead, attempt or earlier conversion matches; link it to a lead."


def record_postback(event: InboundEvent, now: datetime) -> str | None:
    """Record what a tracker told; without a lead it is kept all the same, and staff are asked whose it is."""
    facts: dict[str, Any] = event.facts
    if not facts:
        raise inbox.Refuse("What it told was erased with its lead.")
    told = recording.Told(
        source=event.provider,
        key=key_of(facts["sub_id"], facts["click_id"], facts["tid"]),
        status=facts["status"],
        revenue=Decimal(facts["revenue"]),
        received_at=event.received_at,
        currency=facts["currency"] if len(facts["currency"]) == 3 else "",
        tid=facts["tid"],
        clues=Clues(
            sub_id=facts["sub_id"],
            click_id=facts["click_id"],
            external_id=facts["external_id"],
            planted=tuple(facts["planted"]),
            lead_id=event.lead_id,
            attempt_id=event.attempt_id,
        ),
        data=event.payload | _currency_of(event.payload, facts) | {"warnings": facts["warnings"]},
    )
    conversion, _is_new = recording.record(told, now)
    if conversion.lead_id is None:
        return NOBODY
    # So that the event is found from its lead and attempt, and forgotten with them
    event.lead_id, event.attempt_id = conversion.lead_id, conversion.contact_attempt_id or ""
    event.save(update_fields=["lead_id", "attempt_id"])
    return None


def _currency_of(payload: dict[str, Any], facts: dict[str, Any]) -> dict[str, str]:
    return {"currency": facts["currency"]} if payload.get("currency") else {}


def key_of(sub_id: str, click_id: str, tid: str) -> str:
    """One transaction of one click; the length keeps a tid from being read as part of the click."""
    kind, click = ("sub", sub_id) if sub_id else ("click", click_id)
    return f"{kind}:{len(click)}:{click}:{tid}"
