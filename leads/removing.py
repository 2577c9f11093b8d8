"""Taking people out: hidden at once, brought back while the address is free, and in the end without a trace."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from leads import consent, intake
from leads.models import ImportRow, Lead, Suppression
from leads.suppression import addresses_of, digest
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition

DELETED = "deleted"
ERASED = "erased"
KEPT_AFTER_DELETING = timedelta(days=30)
ERASED_LABEL = "Erased lead"
ERASED_ADDRESS = "Erased address"


def delete(lead: Lead, *, actor: Actor, now: datetime) -> int:
    """Hide the lead and close its open work: how many planned contacts that stopped. Again: 0."""
    return delete_all([lead.pk], actor=actor, now=now)


def delete_all(lead_ids: Sequence[str], *, actor: Actor, now: datetime) -> int:
    """The same for many leads by a constant number of queries."""
    with transaction.atomic():
        leads = list(Lead.objects.present().filter(pk__in=lead_ids).locked())
        ids = [lead.pk for lead in leads]
        Lead.objects.filter(pk__in=ids).update(deleted_at=now, updated_at=clock.now())
        audit.record_many(actor, "delete", [(lead, {}, {}) for lead in leads])
        return consent.went_off(ids, DELETED, now)


def restore(lead: Lead, *, actor: Actor, now: datetime) -> Lead:
    """Bring a deleted lead back; its sequences stay ended. Raises Conflict when its address was taken since.

    An erased lead cannot come back: RefusedTransition.
    """
    try:
        with transaction.atomic():
            return _restore_locked(lead.pk, actor, now)
    except IntegrityError:
        raise _conflict(Lead.objects.get(pk=lead.pk)) from None


def _restore_locked(pk: str, actor: Actor, now: datetime) -> Lead:
    lead = Lead.objects.locked().get(pk=pk)
    if lead.erased_at:
        raise RefusedTransition("This lead was erased; nothing is left to bring back.")
    if lead.deleted_at is None:
        return lead
    if Lead.objects.matching(email=lead.email, phone=lead.phone).exists():
        raise _conflict(lead)
    lead.deleted_at = None
    lead.matched_at = clock.now()
    lead.save(update_fields=["deleted_at", "matched_at"])
    audit.record(actor, "restore", lead)
    return lead


def _conflict(lead: Lead) -> intake.Conflict:
    owner = Lead.objects.matching(email=lead.email, phone=lead.phone).first() or lead
    return intake.Conflict(owner, "email" if lead.email and owner.email == lead.email else "phone")


def erased_on(lead: Lead) -> datetime | None:
    """When nothing will be left of a deleted lead."""
    return lead.deleted_at + KEPT_AFTER_DELETING if lead.deleted_at else None


def erase(lead: Lead, *, actor: Actor, now: datetime) -> int:
    """Delete the lead and take every personal word of it out of every table: planned contacts that stopped.

    What was sent, when and with what result stays for statistics; suppressions stay as their HMAC.
    """
    return erase_all([lead.pk], actor=actor, now=now)


def erase_all(lead_ids: Sequence[str], *, actor: Actor, now: datetime) -> int:
    """The same for many leads by a constant number of queries."""
    with transaction.atomic():
        ids = [lead.pk for lead in Lead.objects.filter(pk__in=lead_ids, erased_at=None).locked()]
        stopped = consent.went_off(ids, ERASED, now)
        forget(ids, now)
        audit.record_many(actor, "erase", [(lead, {}, {}) for lead in Lead.objects.filter(pk__in=ids)])
    return stopped


def forget(lead_ids: Sequence[str], now: datetime) -> None:
    """Take every personal word of these leads out of every table. Under their locks; safe to repeat."""
    _forget_suppressions(lead_ids)
    _empty_leads(lead_ids, now)
    ImportRow.objects.filter(lead__in=lead_ids).update(cells={}, problems=[])
    for path in settings.ERASERS:
        import_string(path)(lead_ids)
    audit.forget("lead", lead_ids, ERASED_LABEL)


def _forget_suppressions(lead_ids: Sequence[str]) -> None:
    """Of the leads' own addresses too, barred before anybody knew whose they are: the HMAC alone stays."""
    addresses = [address for lead in Lead.objects.filter(pk__in=lead_ids) for address in addresses_of(lead)]
    digests = [digest(address) for address in addresses]
    theirs = Suppression.objects.filter(Q(lead__in=lead_ids) | Q(address_digest__in=digests))
    ids = list(theirs.values_list("pk", flat=True))
    Suppression.objects.filter(pk__in=ids).update(address="", note="")
    audit.forget("suppression", ids, ERASED_ADDRESS)


def _empty_leads(ids: Sequence[str], now: datetime) -> None:
    Lead.objects.filter(pk__in=ids, deleted_at=None).update(deleted_at=now)
    Lead.objects.filter(pk__in=ids).update(
        first_name="",
        last_name="",
        email=None,
        phone=None,
        phone_zones=[],
        external_id="",
        time_zone="",
        meta={},
        notes="",
        erased_at=now,
        updated_at=clock.now(),
    )


def erase_long_deleted(*, actor: Actor, now: datetime, at_most: int = 1000) -> int:
    """Erase leads whose deletion is 30 days old, a slice at a time: how many were erased."""
    old = Lead.objects.filter(deleted_at__lt=now - KEPT_AFTER_DELETING, erased_at=None).order_by("deleted_at")
    ids = list(old.values_list("pk", flat=True)[:at_most])
    erase_all(ids, actor=actor, now=now)
    return len(ids)
