"""May we contact this lead? Opting out, and taking it back. Whatever makes a lead off-limits passes through here.

Every function locks the lead first; the handlers of settings.LEAD_WENT_OFF then close its open work in the
same transaction, so that no new contact begins after the commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from leads import barring, suppression
from leads.cleaning import OURS_IN_META
from leads.models import Lead, Suppression
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.bulk import listed
from retention_center.lib.states import RefusedTransition

ALL = Suppression.Scope.ALL
OPTED_OUT = "opted_out"
DO_NOT_CONTACT = "do_not_contact"
CONVERTED = "converted"


def went_off(lead_ids: Sequence[str], reason: str, now: datetime) -> int:
    """Close all open work of leads that must not be contacted any more: how many planned contacts that stopped.

    The caller has locked the leads and is inside its transaction.
    """
    if not lead_ids:
        return 0
    return sum(import_string(path)(lead_ids, reason, now) for path in settings.LEAD_WENT_OFF)


def opt_out(
    lead: Lead,
    *,
    channel: str,
    reason: str,
    source: str,
    now: datetime,
    actor: Actor,
    note: str = "",
) -> int:
    """The person said no on a channel. With OPT_OUT_SCOPE=all that ends every channel, and every open step.

    Deleted leads too: the address is what is barred. Returns how many planned contacts it stopped. Again: 0.
    """
    everywhere = settings.OPT_OUT_SCOPE == "all"
    with transaction.atomic():
        lead = Lead.objects.locked().get(pk=lead.pk)
        addresses = suppression.addresses_of(lead) if everywhere else [lead.address_for(channel) or ""]
        barred = ALL if everywhere else channel
        because: dict[str, Any] = {"reason": reason, "source": source, "note": note, "now": now, "actor": actor}
        suppression.write(
            suppression.row(address, channel=barred, lead=lead, **because) for address in addresses if address
        )
        before = audit.snapshot(lead, "status")
        is_news = _note_opt_out(lead, channel, source, now)
        if everywhere and lead.status != Lead.Status.DO_NOT_CONTACT:
            lead.status = Lead.Status.DO_NOT_CONTACT
            is_news = True
        if is_news:
            _save_looked_at(lead)
            after = audit.snapshot(lead, "status") | {"channel": channel, "source": source, "reason": reason}
            audit.record(actor, "opt_out", lead, before=before, after=after)
        return went_off([lead.pk], reason, now) if everywhere else barring.close_barred([lead], now)


def stop(lead: Lead | None, address: str, *, channel: str, source: str, now: datetime, actor: Actor) -> int:
    """The person behind an address said no, whether we know them or not: how many planned contacts that stopped."""
    because: dict[str, Any] = {"reason": OPTED_OUT, "source": source, "now": now, "actor": actor}
    with transaction.atomic():
        stopped = opt_out(lead, channel=channel, **because) if lead else 0
        if address and (lead is None or lead.address_for(channel) != address):
            barred = ALL if settings.OPT_OUT_SCOPE == "all" else channel
            stopped += barring.bar(address, channel=barred, lead=lead, **because)[1]
        return stopped


def start_again(lead: Lead | None, address: str, *, channel: str, source: str, now: datetime, actor: Actor) -> None:
    """They took it back: what their own no had set is lifted, and nothing else.

    A no from before this lead was known, or of one that was deleted and came back, is the same person's.
    """
    with transaction.atomic():
        if lead and opt_back_in(lead, channel=channel, source=source, now=now, actor=actor):
            return
        own = Suppression.objects.standing().filter(address_digest=suppression.digest(address), source=source)
        own = own.exclude(lead=lead) if lead else own
        before = {row.lead_id for row in own} - {None}
        said = Suppression.objects.standing().filter(Q(pk__in=own) | Q(lead__in=before, source=source))
        lifted = [suppression.lift(each, now=now, actor=actor) for each in said]
        if lead and lifted:
            _free(lead, source, actor)


def _free(lead: Lead, source: str, actor: Actor) -> None:
    """The lead is off-limits no more, unless something else still says so."""
    lead = Lead.objects.locked().get(pk=lead.pk)
    if lead.status != Lead.Status.DO_NOT_CONTACT or lead.meta.get(OURS_IN_META) or _standing_all(lead):
        return
    lead.status = _status_without_bar(lead, contacted=True)
    _save_looked_at(lead)
    told = audit.snapshot(lead, "status") | {"source": source}
    audit.record(actor, "opt_in", lead, before={"status": Lead.Status.DO_NOT_CONTACT.value}, after=told)


def _note_opt_out(lead: Lead, channel: str, source: str, now: datetime) -> bool:
    """Write ``meta.optOut[channel]``, unless it stands there already, or the lead was erased and keeps no words."""
    noted = lead.meta.get(OURS_IN_META, {})
    if channel.lower() in noted or lead.erased_at:
        return False
    noted = noted | {channel.lower(): {"at": now.isoformat(), "source": source}}
    lead.meta = lead.meta | {OURS_IN_META: noted}
    return True


def opt_back_in(lead: Lead, *, channel: str, source: str, now: datetime, actor: Actor) -> bool:
    """The person took back their own opt-out on a channel (START): only what that opt-out set is lifted.

    While another opt-out remains nothing else changes. Returns whether the lead may be contacted again.
    """
    with transaction.atomic():
        lead = Lead.objects.locked().get(pk=lead.pk)
        noted = dict(lead.meta.get(OURS_IN_META, {}))
        taken_back = noted.pop(channel.lower(), None)
        if taken_back is None:
            return False
        before = audit.snapshot(lead, "status")
        _write_opt_outs(lead, noted)
        own = Suppression.objects.standing().filter(lead=lead, source=taken_back["source"])
        if settings.OPT_OUT_SCOPE == "all" and not noted:
            own.update(lifted_at=now)
            if not _standing_all(lead) and lead.status == Lead.Status.DO_NOT_CONTACT:
                lead.status = _status_without_bar(lead, contacted=True)
        own.filter(channel=channel).update(lifted_at=now)
        _save_looked_at(lead)
        after = audit.snapshot(lead, "status") | {"channel": channel, "source": source}
        audit.record(actor, "opt_in", lead, before=before, after=after)
        return lead.status != Lead.Status.DO_NOT_CONTACT


def _write_opt_outs(lead: Lead, noted: dict[str, Any]) -> None:
    rest = {name: value for name, value in lead.meta.items() if name != OURS_IN_META}
    lead.meta = rest | ({OURS_IN_META: noted} if noted else {})


def _standing_all(lead: Lead) -> bool:
    digests = [suppression.digest(address) for address in suppression.addresses_of(lead)]
    return Suppression.objects.standing().filter(address_digest__in=digests, channel=ALL).exists()


def do_not_contact(lead: Lead, *, now: datetime, actor: Actor, note: str = "", source: str = "staff") -> int:
    """Staff say no for this lead, on every channel: how many planned contacts that stopped."""
    return do_not_contact_all([lead.pk], now=now, actor=actor, note=note, source=source)


def do_not_contact_all(
    lead_ids: Sequence[str], *, now: datetime, actor: Actor, note: str = "", source: str = "staff"
) -> int:
    """The same for many leads, by a constant number of queries: how many planned contacts that stopped."""
    with transaction.atomic():
        leads = list(Lead.objects.present().filter(pk__in=lead_ids).locked())
        because: dict[str, Any] = {"reason": DO_NOT_CONTACT, "source": source, "note": note, "now": now, "actor": actor}
        _take_over(leads, source, note, actor)
        suppression.write(
            suppression.row(address, channel=ALL, lead=lead, **because)
            for lead in leads
            for address in suppression.addresses_of(lead)
        )
        newly = [lead for lead in leads if lead.status != Lead.Status.DO_NOT_CONTACT]
        changes = [(lead, {"status": lead.status}, {"status": Lead.Status.DO_NOT_CONTACT.value}) for lead in newly]
        audit.record_many(actor, DO_NOT_CONTACT, changes)
        ids = [lead.pk for lead in newly]
        real = clock.now()
        Lead.objects.filter(pk__in=ids).update(status=Lead.Status.DO_NOT_CONTACT, matched_at=real, updated_at=real)
        return went_off([lead.pk for lead in leads], DO_NOT_CONTACT, now)


def _take_over(leads: Sequence[Lead], source: str, note: str, actor: Actor) -> None:
    """What the person's own no had barred is barred by this one from now on: their START does not lift it."""
    digests = [suppression.digest(address) for lead in leads for address in suppression.addresses_of(lead)]
    standing = Suppression.objects.standing().filter(channel=ALL, address_digest__in=listed(digests))
    of_persons = standing.filter(reason=OPTED_OUT)
    of_persons.update(reason=DO_NOT_CONTACT, source=source[:60], note=note[:255], created_by=actor.user)


def allow_again(lead: Lead, *, now: datetime, actor: Actor) -> Lead:
    """Staff take back every opt-out and suppression of this lead's addresses. Ended sequences stay ended."""
    with transaction.atomic():
        lead = Lead.objects.locked().get(pk=lead.pk)
        before = audit.snapshot(lead, "status")
        digests = [suppression.digest(address) for address in [*suppression.addresses_of(lead), lead.pk]]
        Suppression.objects.standing().filter(address_digest__in=digests).update(lifted_at=now)
        _write_opt_outs(lead, {})
        if lead.status == Lead.Status.DO_NOT_CONTACT:
            contacted = lead.contact_attempts.exists()
            lead.status = _status_without_bar(lead, contacted=contacted)
        _save_looked_at(lead)
        audit.record(actor, "allow_again", lead, before=before, after=audit.snapshot(lead, "status"))
    return lead


def set_status(lead: Lead, status: str, *, actor: Actor, now: datetime) -> int:
    """Staff set the status: how many planned contacts that stopped. Raises RefusedTransition.

    Do not contact bars the addresses, leaving it lifts them; a buyer stays converted (INV-16).
    """
    with transaction.atomic():
        lead_now = Lead.objects.locked().get(pk=lead.pk)
        if lead_now.status == status:
            return 0
        if status == Lead.Status.DO_NOT_CONTACT:
            stopped = do_not_contact(lead_now, now=now, actor=actor)
        else:
            stopped = _set_open_status(lead_now, status, actor, now)
    lead.refresh_from_db()
    return stopped


def _set_open_status(lead: Lead, status: str, actor: Actor, now: datetime) -> int:
    if status != Lead.Status.CONVERTED and _has_bought(lead):
        raise RefusedTransition(
            f"{lead} has a confirmed conversion and stays Converted.",
            (Lead.Status.CONVERTED.value, Lead.Status.DO_NOT_CONTACT.value),
        )
    if lead.status == Lead.Status.DO_NOT_CONTACT:
        lead = allow_again(lead, now=now, actor=actor)
    if lead.status != status:
        before = audit.snapshot(lead, "status")
        lead.status = status
        _save_looked_at(lead)
        audit.record(actor, "change", lead, before=before, after=audit.snapshot(lead, "status"))
    return went_off([lead.pk], CONVERTED, now) if status == Lead.Status.CONVERTED else 0


def _status_without_bar(lead: Lead, *, contacted: bool) -> str:
    if _has_bought(lead):
        return Lead.Status.CONVERTED
    return Lead.Status.CONTACTED if contacted else Lead.Status.NEW


def _has_bought(lead: Lead) -> bool:
    return lead.conversions.filter(standing="confirmed").exists()


def _save_looked_at(lead: Lead) -> None:
    lead.matched_at = clock.now()
    lead.save(update_fields=["status", "meta", "matched_at"])
