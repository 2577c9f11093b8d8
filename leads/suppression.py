"""Addresses that nobody may contact: kept by address, so that the promise outlives the lead.

Only an HMAC of the address is compared; its key was made once by this installation, at its first migration.
"""

import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Q

from leads.models import Lead, LeadQuerySet, Suppression, SuppressionQuerySet
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib.bulk import listed
from retention_center.models import Secret

KEY_NAME = "suppression"
_kept: dict[str, bytes] = {}


def make_key() -> None:
    """See that the key exists, outside any request's transaction; called after every migrate."""
    if Secret._meta.db_table not in connection.introspection.table_names():
        return  # a migration backwards has just taken the table away
    _made()
    _kept.clear()


def _made() -> Secret:
    return Secret.objects.get_or_create(name=KEY_NAME, defaults={"value": secrets.token_hex(32)})[0]


def digest(address: str) -> str:
    """The address's HMAC, hexadecimal; the address is normalised already (lower case, E.164)."""
    return _digest(_key(), address)


@lru_cache(maxsize=8192)  # a batch asks for each address when it decides, and again before it calls
def _digest(key: bytes, address: str) -> str:
    return hmac.digest(key, address.encode(), "sha256").hex()


def _key() -> bytes:
    if KEY_NAME not in _kept:
        kept = Secret.objects.filter(name=KEY_NAME).first() or _made()
        _kept[KEY_NAME] = bytes.fromhex(kept.value)
    return _kept[KEY_NAME]


def addresses_of(lead: Lead) -> list[str]:
    """The lead's own contact points: e-mail and phone, as far as there are any."""
    return [address for address in (lead.email, lead.phone) if address]


def standing_for(addresses: Iterable[str]) -> set[tuple[str, str]]:
    """(digest, channel or ALL) of every suppression that stands for one of the addresses: one query."""
    known = [address for address in addresses if address]
    return set(suppressions_of(known).values_list("address_digest", "channel")) if known else set()


def suppressions_of(addresses: Iterable[str]) -> SuppressionQuerySet:
    """Every suppression that stands for one of the addresses."""
    digests = {digest(address) for address in addresses if address}
    return Suppression.objects.standing().filter(address_digest__in=listed(digests))


def is_suppressed(address: str, channel: str, standing: set[tuple[str, str]]) -> bool:
    """Whether ``standing`` bars the address from the channel."""
    own = digest(address)
    return (own, channel) in standing or (own, Suppression.Scope.ALL) in standing


def suppress(
    address: str,
    *,
    channel: str,
    reason: str,
    source: str,
    now: datetime,
    actor: Actor,
    lead: Lead | None = None,
    note: str = "",
) -> Suppression:
    """Bar the address from the channel (or ALL). One that stands already is returned as it is.

    Locks the leads that own the address, so that no contact is begun beside it.
    """
    with transaction.atomic():
        owners = list(owners_of([address]).locked())
        keeper = lead or next((owner for owner in owners if owner.deleted_at is None), None)
        new = row(address, channel=channel, reason=reason, source=source, now=now, actor=actor, lead=keeper, note=note)
        standing = _standing(new.address_digest, channel)
        if standing is None:
            write([new])
            standing = _standing(new.address_digest, channel) or new
            if standing.pk == new.pk:
                audit.record(actor, "suppress", new, after={"channel": channel, "reason": reason})
        return standing


def row(
    address: str,
    *,
    channel: str,
    reason: str,
    source: str,
    now: datetime,
    actor: Actor,
    lead: Lead | None,
    note: str = "",
) -> Suppression:
    """A suppression that is not written yet."""
    return Suppression(
        address=address,
        address_digest=digest(address),
        channel=channel,
        reason=reason[:60],
        source=source[:60],
        note=note[:255],
        lead=lead,
        created_at=now,
        created_by=actor.user,
    )


def write(rows: Iterable[Suppression]) -> None:
    """Insert what does not stand already; two writers at once leave one row."""
    Suppression.objects.bulk_create(rows, ignore_conflicts=True)


def _standing(address_digest: str, channel: str) -> Suppression | None:
    return Suppression.objects.standing().filter(address_digest=address_digest, channel=channel).first()


def owners_of(addresses: Iterable[str]) -> LeadQuerySet:
    """Leads, deleted ones too, which have one of the addresses."""
    wanted = set(addresses)
    return Lead.objects.filter(Q(email__in=wanted) | Q(phone__in=wanted))


def lift(suppression: Suppression, *, now: datetime, actor: Actor, because: str = "") -> bool:
    """Take one suppression back, and keep why; False when that had happened already."""
    with transaction.atomic():
        lifted = Suppression.objects.standing().filter(pk=suppression.pk).update(lifted_at=now)
        if lifted:
            suppression.lifted_at = now
            after = {"because": because} if because else {}
            audit.record(actor, "lift", suppression, before={"channel": suppression.channel}, after=after)
    return bool(lifted)
