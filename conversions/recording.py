"""Conversions are written here, whoever tells of them: a tracker, an API, staff. One row per (source, key) (INV-15).

The lead is locked first, then the conversion, as everywhere; two copies at once are kept apart by the unique
constraint, and whoever comes second starts again and finds the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from conversions import matching, outcome, standing
from conversions.erasing import erase_leads
from conversions.matching import Clues, Match
from conversions.models import Conversion
from integrations import inbox
from leads.models import Lead
from retention_center.lib.states import RefusedTransition

TRIES = 5
Standing = Conversion.Standing


@dataclass(frozen=True, slots=True)
class Told:
    """One message about a conversion. ``key`` is the same in all messages about the same one.

    ``received_at`` is the real time it came in: of two amounts under one status the later counts.
    """

    source: str
    key: str
    status: str
    revenue: Decimal
    received_at: datetime
    currency: str = ""
    tid: str = ""
    campaign_id: str = ""
    clues: Clues = field(default_factory=Clues)
    data: Mapping[str, Any] = field(default_factory=dict)


class _ComeAgain(Exception):
    """Somebody else changed the row between our look and our lock."""


def record(told: Told, now: datetime) -> tuple[Conversion, bool]:
    """Write down what was told, with all it does to the lead: the row, and whether it is new. Safe to repeat."""
    for _ in range(TRIES):
        try:
            with transaction.atomic():
                return _record(told, now)
        except _ComeAgain:
            continue
    raise RuntimeError(f"The conversion {told.source} changed {TRIES} times while it was being recorded.")


def give_to(conversion: Conversion, match: Match, now: datetime) -> None:
    """Say (again) whose conversion it is, with all that follows for the new lead, the old one, and the same click."""
    with transaction.atomic():
        locked = _lock_leads(conversion.lead_id, match.lead_id)
        row = Conversion.objects.select_for_update().get(pk=conversion.pk)
        old = locked.get(row.lead_id or "")
        if row.lead_id and old is None:
            raise RefusedTransition(f"{row} was changed by someone else; load it again.")
        _give(row, match)
        if old is not None and row.lead_id != old.pk:
            outcome.take_back(old)
        if lead := locked.get(row.lead_id or ""):
            _follow(row, lead, now, was_nobodys=old is None)
    conversion.refresh_from_db()


def _record(told: Told, now: datetime) -> tuple[Conversion, bool]:
    known = Conversion.objects.filter(source=told.source, dedupe_key=told.key).first()
    match = _match_of(known) if known and known.lead_id else matching.find(told.clues, told.source)
    lead = _lock_leads(match.lead_id).get(match.lead_id or "")
    if known is None:
        row = _insert(told, match if lead or not match.lead_id else Match())
        if lead:
            _follow(row, lead, now)
            _forget_again(lead)
        return row, True
    row = Conversion.objects.select_for_update().get(pk=known.pk)
    if row.lead_id != known.lead_id:
        raise _ComeAgain
    is_found = row.lead_id is None and lead is not None
    if is_found:
        _give(row, match)
    was = row.standing
    _change(row, told, now)
    if lead and (is_found or was != row.standing):
        _follow(row, lead, now, was_nobodys=is_found)
    if lead:
        _forget_again(lead)
    return row, False


def _forget_again(lead: Lead) -> None:
    """What is told of a lead that was erased leaves the money alone (INV-21)."""
    if lead.erased_at:
        erase_leads([lead.pk])


def _insert(told: Told, match: Match) -> Conversion:
    word = standing.read(told.status)
    is_rejected = word.standing == Standing.REJECTED
    row = Conversion(
        source=told.source,
        dedupe_key=told.key,
        status=word.text,
        standing=word.standing,
        revenue=Decimal(0) if is_rejected else told.revenue,
        currency=told.currency or settings.CURRENCY,
        sub_id=told.clues.sub_id,
        click_id=told.clues.click_id,
        tid=told.tid,
        lead_id=match.lead_id,
        contact_attempt_id=match.attempt_id,
        campaign_id=told.campaign_id or match.campaign_id,
        channel=match.channel,
        confirmed_at=told.received_at if word.standing == Standing.CONFIRMED else None,
    )
    row.postback_data = standing.with_history(_data(told, word), row, told.received_at)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise _ComeAgain from error
    return row


def _change(row: Conversion, told: Told, now: datetime) -> None:
    """Bring the row up to what was told, unless it is late, known or final."""
    word = standing.read(told.status)
    changes = standing.change(row, word, told.revenue, told.currency or row.currency, told.received_at)
    if not changes:
        return
    if word.standing == Standing.CONFIRMED and row.confirmed_at is None:
        changes["confirmed_at"] = told.received_at
    for name, value in changes.items():
        setattr(row, name, value)
    row.tid = row.tid or told.tid
    data = {name: value for name, value in row.postback_data.items() if name not in {"history", "warnings"}}
    row.postback_data = standing.with_history(data | _data(told, word), row, told.received_at)
    row.save()


def _data(told: Told, word: standing.Word) -> dict[str, Any]:
    """What came, and what was odd about it; names that are ours are not theirs to use."""
    data = {name: value for name, value in told.data.items() if name not in {"history", "warnings"}}
    warnings = [*told.data.get("warnings", []), *filter(None, [word.warning])]
    return data | ({"warnings": warnings} if warnings else {})


def _follow(row: Conversion, lead: Lead, now: datetime, *, was_nobodys: bool = False) -> None:
    """What the row's standing does to its lead; then whatever else came of the same click is the lead's too."""
    if row.standing == Standing.CONFIRMED:
        outcome.convert(lead, now)
    elif row.standing == Standing.REJECTED:
        outcome.take_back(lead)
    found = _give_same_click(row)
    if any(orphan.standing == Standing.CONFIRMED for orphan in found):
        outcome.convert(lead, now)
    if found or was_nobodys:
        inbox.matched(row.source, "conversion", row.sub_id or row.click_id, lead_id=lead.pk)


def _give_same_click(row: Conversion) -> list[Conversion]:
    if not row.sub_id:
        return []
    orphans = Conversion.objects.filter(source=row.source, sub_id=row.sub_id, lead=None).exclude(pk=row.pk)
    found = list(orphans.select_for_update().order_by("pk"))
    for orphan in found:
        _give(orphan, _match_of(row))
    return found


def _give(row: Conversion, match: Match) -> None:
    row.lead_id = match.lead_id
    row.contact_attempt_id = match.attempt_id or row.contact_attempt_id
    row.campaign_id = match.campaign_id or row.campaign_id
    row.channel = match.channel or row.channel
    row.save(update_fields=["lead", "contact_attempt", "campaign", "channel"])


def _match_of(row: Conversion) -> Match:
    return Match(row.lead_id, row.contact_attempt_id, row.campaign_id, row.channel)


def _lock_leads(*ids: str | None) -> dict[str, Lead]:
    wanted = {each for each in ids if each}
    return {lead.pk: lead for lead in Lead.objects.filter(pk__in=wanted).locked()} if wanted else {}
