"""The doctor's part for people: who they are, and that the erased are forgotten."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from leads.models import Lead, Suppression
from retention_center.doctor import Check

_NAMED = ~Q(first_name="") | ~Q(last_name="") | Q(email__isnull=False) | Q(phone__isnull=False) | ~Q(notes="")


def _twins(_now: datetime) -> QuerySet[Lead]:
    others = Lead.objects.present().exclude(pk=OuterRef("pk"))
    same = Exists(others.filter(email=OuterRef("email"))) | Exists(others.filter(phone=OuterRef("phone")))
    return Lead.objects.present().filter(same)


def _named_erased(_now: datetime) -> QuerySet[Lead]:
    return Lead.objects.exclude(erased_at=None).filter(_NAMED)


def _bare_suppressions(_now: datetime) -> QuerySet[Suppression]:
    return Suppression.objects.filter(address_digest="")


CHECKS = [
    Check("INV-19", "One lead per e-mail and per phone among leads that are not deleted.", _twins),
    Check("INV-21", "An erased lead holds no personal data.", _named_erased),
    Check("INV-21s", "A suppression outlives its address as an HMAC.", _bare_suppressions),
]
