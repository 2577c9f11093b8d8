"""The doctor's part for people: who they are, and that the erased are forgotten."""

from datetime import datetime

from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower

from leads.models import ImportJob, ImportRow, Lead, LeadWords, Suppression
from leads.repairs import forget_again
from retention_center.doctor import Check

_NAMED = (
    ~Q(first_name="")
    | ~Q(last_name="")
    | Q(email__isnull=False)
    | Q(phone__isnull=False)
    | ~Q(notes="")
    | ~Q(external_id="")
    | ~Q(meta={})
)


def _written_otherwise(_now: datetime) -> QuerySet[Lead]:
    """Addresses in another form than the one by which leads are told apart; the database keeps them unique."""
    odd_email = Q(email__isnull=False) & ~Q(email=Lower("email"))
    odd_phone = Q(phone__isnull=False) & ~Q(phone__startswith="+")
    return Lead.objects.present().filter(odd_email | odd_phone)


def _named_erased(_now: datetime) -> QuerySet[Lead]:
    return Lead.objects.exclude(erased_at=None).filter(_NAMED)


def _erased_rows(_now: datetime) -> QuerySet[ImportRow]:
    return ImportRow.objects.filter(lead__erased_at__isnull=False).exclude(cells={}, problems=[])


def _erased_words(_now: datetime) -> QuerySet[LeadWords]:
    return LeadWords.objects.filter(lead__erased_at__isnull=False).exclude(text="")


def _unfindable(_now: datetime) -> QuerySet[Lead]:
    return Lead.objects.filter(words=None)


def _erased_suppressions(_now: datetime) -> QuerySet[Suppression]:
    return Suppression.objects.filter(lead__erased_at__isnull=False).exclude(address="", note="")


def _bare_suppressions(_now: datetime) -> QuerySet[Suppression]:
    return Suppression.objects.filter(address_digest="")


def _miscounted(_now: datetime) -> QuerySet[ImportJob]:
    """Imports whose counters are not the count of their rows."""
    outcomes = ImportRow.Outcome.values
    told = {outcome: F(outcome) for outcome in outcomes}
    rows = ImportRow.objects.order_by().filter(import_job=OuterRef("pk"))
    counted = {
        f"rows_{outcome}": Coalesce(
            Subquery(
                rows.filter(outcome=outcome).values("import_job").annotate(n=Count("pk")).values("n"),
                output_field=IntegerField(),
            ),
            0,
        )
        for outcome in outcomes
    }
    wrong = Q()
    for outcome, stored in told.items():
        wrong |= ~Q(**{f"rows_{outcome}": stored})
    return ImportJob.objects.alias(**counted).filter(wrong)


def _forget_leads(now: datetime) -> int:
    return forget_again(_named_erased(now).values_list("pk", flat=True), now)


def _forget_rows(now: datetime) -> int:
    return forget_again(_erased_rows(now).values_list("lead_id", flat=True), now)


def _forget_suppressions(now: datetime) -> int:
    return forget_again(_erased_suppressions(now).values_list("lead_id", flat=True), now)


CHECKS = [
    Check(
        "INV-19",
        "E-mail and phone are written in the one form by which they are unique.",
        _written_otherwise,
        is_scan=True,
    ),
    Check("INV-21", "An erased lead holds no personal data.", _named_erased, is_scan=True, repair=_forget_leads),
    Check("INV-21w", "An erased lead is found by no word.", _erased_words),
    Check("INV-24w", "Every lead stands in the index of the search.", _unfindable, is_scan=True),
    Check("INV-21r", "An erased lead's import rows are empty.", _erased_rows, repair=_forget_rows),
    Check(
        "INV-21p", "An erased lead's address stays as an HMAC only.", _erased_suppressions, repair=_forget_suppressions
    ),
    Check("INV-21s", "A suppression outlives its address as an HMAC.", _bare_suppressions, is_scan=True),
    Check("INV-24i", "An import's counters are the count of its rows.", _miscounted),
]
