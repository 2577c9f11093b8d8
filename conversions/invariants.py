"""The doctor's part for conversions: money counts once, and ends what it should."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conversions import outcome
from conversions.models import Conversion
from leads.models import Lead
from leads.repairs import forget_again
from retention_center import audit
from retention_center.doctor import ACTOR, Check
from sequences.models import SequenceEnrollment


def _buyers_not_converted(_now: datetime) -> QuerySet[Lead]:
    kept = [Lead.Status.CONVERTED, Lead.Status.DO_NOT_CONTACT]
    buyers = Conversion.objects.confirmed().exclude(lead=None).values("lead")
    return Lead.objects.filter(pk__in=buyers, erased_at=None).exclude(status__in=kept)


def _buyers_still_in_sequences(_now: datetime) -> QuerySet[SequenceEnrollment]:
    confirmed = Conversion.objects.confirmed().exclude(lead=None)
    later = confirmed.filter(lead=OuterRef("lead"), confirmed_at__gt=OuterRef("enrolled_at"))
    by_clock = later.filter(confirmed_at__gt=OuterRef("updated_at"))
    return SequenceEnrollment.objects.open().filter(lead__in=confirmed.values("lead")).filter(Exists(by_clock))


def _rejected_money(_now: datetime) -> QuerySet[Conversion]:
    return Conversion.objects.filter(standing=Conversion.Standing.REJECTED).exclude(revenue=0)


def _attempt_of_another(_now: datetime) -> QuerySet[Conversion]:
    known = Q(contact_attempt__isnull=False, lead__isnull=False, contact_attempt__lead__isnull=False)
    return Conversion.objects.filter(known).exclude(contact_attempt__lead=F("lead"))


def _erased_data(_now: datetime) -> QuerySet[Conversion]:
    return Conversion.objects.filter(lead__erased_at__isnull=False).exclude(postback_data={})


def _convert(now: datetime) -> int:
    """Do what the conversion should have done: the lead is converted, and its sequences and campaigns end."""
    ids = set(_buyers_not_converted(now).values_list("pk", flat=True))
    ids |= set(_buyers_still_in_sequences(now).values_list("lead_id", flat=True))
    for lead in Lead.objects.filter(pk__in=ids).locked():
        outcome.convert(lead, now)
        audit.record(ACTOR, "repair", lead, after={"repair": "what its conversion does"})
    return len(ids)


def _forget(now: datetime) -> int:
    return forget_again(_erased_data(now).values_list("lead_id", flat=True), now)


CHECKS = [
    Check(
        "INV-16",
        "A lead with a confirmed conversion is converted, or not to be contacted.",
        _buyers_not_converted,
        repair=_convert,
    ),
    Check(
        "INV-16r",
        "No run that began before a confirmed conversion goes on.",
        _buyers_still_in_sequences,
        repair=_convert,
    ),
    Check("INV-15", "A rejected conversion is worth nothing.", _rejected_money),
    Check("INV-15a", "A conversion's attempt was made to its lead.", _attempt_of_another),
    Check("INV-21c", "An erased lead's conversions hold bare facts.", _erased_data, repair=_forget),
]
