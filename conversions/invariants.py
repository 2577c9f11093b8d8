"""The doctor's part for conversions: money counts once, and ends what it should."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conversions.models import Conversion
from leads.models import Lead
from retention_center.doctor import Check
from sequences.models import SequenceEnrollment


def _confirmed() -> QuerySet[Conversion]:
    return Conversion.objects.confirmed().filter(lead=OuterRef("pk"))


def _buyers_not_converted(_now: datetime) -> QuerySet[Lead]:
    kept = [Lead.Status.CONVERTED, Lead.Status.DO_NOT_CONTACT]
    return Lead.objects.filter(erased_at=None).exclude(status__in=kept).filter(Exists(_confirmed()))


def _buyers_still_in_sequences(_now: datetime) -> QuerySet[SequenceEnrollment]:
    later = Conversion.objects.confirmed().filter(lead=OuterRef("lead"), confirmed_at__gt=OuterRef("enrolled_at"))
    by_clock = later.filter(confirmed_at__gt=OuterRef("updated_at"))
    return SequenceEnrollment.objects.open().filter(Exists(by_clock))


def _rejected_money(_now: datetime) -> QuerySet[Conversion]:
    return Conversion.objects.filter(standing=Conversion.Standing.REJECTED).exclude(revenue=0)


def _attempt_of_another(_now: datetime) -> QuerySet[Conversion]:
    known = Q(contact_attempt__isnull=False, lead__isnull=False, contact_attempt__lead__isnull=False)
    return Conversion.objects.filter(known).exclude(contact_attempt__lead=F("lead"))


CHECKS = [
    Check("INV-16", "A lead with a confirmed conversion is converted, or not to be contacted.", _buyers_not_converted),
    Check("INV-16r", "No run that began before a confirmed conversion goes on.", _buyers_still_in_sequences),
    Check("INV-15", "A rejected conversion is worth nothing.", _rejected_money),
    Check("INV-15a", "A conversion's attempt was made to its lead.", _attempt_of_another),
]
