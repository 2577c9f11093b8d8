"""Addresses put on the list of those nobody may contact, and what was planned for them ended in the same transaction.

An address is barred, not a lead: its lead goes on by the channels that are left. `leads.consent` speaks for leads.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from leads import suppression
from leads.models import Lead, Suppression
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib.channels import Channel

SLICE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address that is to be barred from a channel, or from ALL. It is normalised already."""

    address: str
    channel: str
    reason: str
    note: str = ""


@dataclass(slots=True)
class Barred:
    """What came of it. ``stopped`` counts the planned contacts that ended."""

    added: int = 0
    standing: int = 0
    stopped: int = 0


def bar(
    address: str,
    *,
    channel: str,
    reason: str,
    source: str,
    now: datetime,
    actor: Actor,
    lead: Lead | None = None,
    note: str = "",
) -> tuple[Suppression, int]:
    """Bar one address: the row that stands, and how many planned contacts that stopped."""
    with transaction.atomic():
        row = suppression.suppress(
            address, channel=channel, reason=reason, source=source, now=now, actor=actor, lead=lead, note=note
        )
        return row, close_barred(list(suppression.owners_of([address]).locked()), now)


def bar_all(wanted: Iterable[Wanted], *, source: str, now: datetime, actor: Actor) -> Barred:
    """Bar many addresses, a thousand in a transaction; what stands already stays as it is."""
    result = Barred()
    for slice_ in batched(wanted, SLICE):
        with transaction.atomic():
            _bar_slice(slice_, source, now, actor, result)
    return result


def _bar_slice(wanted: Sequence[Wanted], source: str, now: datetime, actor: Actor, result: Barred) -> None:
    owners = list(suppression.owners_of(one.address for one in wanted).locked())
    keeper = {address: lead for lead in owners if not lead.deleted_at for address in suppression.addresses_of(lead)}
    standing = suppression.standing_for(one.address for one in wanted)
    rows = {
        (suppression.digest(one.address), one.channel): suppression.row(
            one.address,
            channel=one.channel,
            reason=one.reason,
            source=source,
            note=one.note,
            now=now,
            actor=actor,
            lead=keeper.get(one.address),
        )
        for one in wanted
    }
    new = [row for key, row in rows.items() if key not in standing]
    suppression.write(new)
    audit.record_many(actor, "suppress", [(row, {}, {"channel": row.channel, "reason": row.reason}) for row in new])
    result.added += len(new)
    result.standing += len(wanted) - len(new)
    newly = {row.address for row in new}
    result.stopped += close_barred([lead for lead in owners if newly.intersection(suppression.addresses_of(lead))], now)


def close_barred(leads: Sequence[Lead], now: datetime) -> int:
    """Skip what waits for the leads on channels that are barred to them by now: how many planned contacts ended.

    The leads are locked, and the caller is inside the transaction that barred them. Their sequences go on.
    """
    standing = suppression.standing_for(address for lead in leads for address in suppression.addresses_of(lead))
    if not standing:
        return 0
    closed = 0
    for channel in Channel.values:
        ids = [lead.pk for lead in leads if _is_barred(lead, channel, standing)]
        if ids:
            closed += sum(import_string(path)(ids, channel, now) for path in settings.CHANNEL_WENT_OFF)
    return closed


def _is_barred(lead: Lead, channel: str, standing: set[tuple[str, str]]) -> bool:
    """By the channel's own address; a webhook speaks of the lead, by any address of theirs."""
    of_channel = suppression.addresses_of(lead) if channel == Channel.WEBHOOK else [lead.address_for(channel)]
    return any(suppression.is_suppressed(address, channel, standing) for address in of_channel if address)
