"""Conversions that staff or another system write down, and the changes they make to them; each with its audit."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from conversions import recording, standing
from conversions.matching import Clues, Match
from conversions.models import Conversion
from conversions.recording import Told
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock, ids
from retention_center.lib.states import RefusedTransition

COLUMNS = ("status", "revenue", "currency", "lead_id", "campaign_id")


@dataclass(frozen=True, slots=True)
class Given:
    """A conversion as an API or staff tell it. With ``external_ref``, telling it again changes the same row."""

    source: str
    status: str
    revenue: Decimal = Decimal(0)
    currency: str = ""
    external_ref: str = ""
    lead_id: str = ""
    campaign_id: str = ""
    attempt_id: str = ""
    sub_id: str = ""
    click_id: str = ""
    tid: str = ""


def add(given: Given, *, actor: Actor, now: datetime) -> tuple[Conversion, bool]:
    """Write it down, with the effects of a postback: the row, and whether it is new."""
    told = Told(
        source=given.source,
        key=f"ref:{given.external_ref}" if given.external_ref else f"own:{ids.new_id()}",
        status=given.status,
        revenue=given.revenue,
        received_at=clock.now(),
        currency=given.currency,
        tid=given.tid,
        campaign_id=given.campaign_id,
        clues=Clues(given.sub_id, given.click_id, lead_id=given.lead_id, attempt_id=given.attempt_id),
        data={"externalRef": given.external_ref} if given.external_ref else {},
    )
    with transaction.atomic():
        conversion, is_new = recording.record(told, now)
        audit.record(actor, "create" if is_new else "change", conversion, after=audit.snapshot(conversion, *COLUMNS))
    return conversion, is_new


def change(conversion: Conversion, values: dict[str, Any], *, actor: Actor, now: datetime) -> Conversion:
    """Change ``status``, ``revenue``, ``currency``, ``lead_id``, ``campaign_id``, as far as given, in one go.

    The status moves as a postback would move it; a move that a postback could not make is RefusedTransition.
    """
    with transaction.atomic():
        before = audit.snapshot(conversion, *COLUMNS)
        if {"lead_id", "campaign_id"} & values.keys():
            match = Match(
                values.get("lead_id", conversion.lead_id) or None,
                campaign_id=values.get("campaign_id", conversion.campaign_id) or None,
            )
            recording.give_to(conversion, match, now)
        if {"status", "revenue", "currency"} & values.keys():
            _tell_again(conversion, values, now)
        conversion.refresh_from_db()
        old, new = audit.changed_values(conversion, before)
        if new:
            audit.record(actor, "change", conversion, before=old, after=new)
    return conversion


def _tell_again(conversion: Conversion, values: dict[str, Any], now: datetime) -> None:
    status = values.get("status", conversion.status)
    _refuse_lost_moves(conversion, status, values)
    told = Told(
        source=conversion.source,
        key=conversion.dedupe_key,
        status=status,
        revenue=values.get("revenue", conversion.revenue),
        received_at=clock.now(),
        currency=values.get("currency", conversion.currency),
    )
    recording.record(told, now)


def _refuse_lost_moves(conversion: Conversion, status: str, values: dict[str, Any]) -> None:
    """A postback that comes too late is passed over in silence; a person or a program must be told."""
    new = standing.read(status).standing
    if conversion.standing == standing.REJECTED:
        is_same = new == standing.REJECTED and not values.get("revenue")
        if not is_same:
            raise RefusedTransition("This conversion is rejected, which is final; write down a new one instead.")
    elif conversion.standing == standing.CONFIRMED and new == standing.PENDING:
        raise RefusedTransition(
            f"This conversion is confirmed; it can only be rejected, not become {status!r}.",
            allowed=standing.WORDS[standing.REJECTED],
        )
