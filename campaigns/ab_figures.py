"""What came of each variant of an A/B test, how sure that is, and whether it says which is better."""

from dataclasses import dataclass

from django.db.models import Count, F, Q

from campaigns.models import ABTest, ContactAttempt
from retention_center.lib import intervals
from retention_center.pages.words import TOO_FEW

VARIANTS = ("A", "B")
COUNTED = ("sent", "delivered", "replied", "converted")
Status = ContactAttempt.Status


@dataclass(frozen=True)
class Rate:
    """``rate`` is None below 30 observations; ``low`` to ``high`` is its 95 % interval."""

    part: int
    whole: int
    rate: float | None
    low: float
    high: float


@dataclass(frozen=True)
class VariantFigures:
    """People, not messages: each lead counts once. ``sent`` is what the three rates are of."""

    variant: str
    sent: int
    delivered: Rate
    replied: Rate
    converted: Rate


@dataclass(frozen=True)
class Figures:
    """``verdict``: TOO_FEW, NO_DIFFERENCE, A or B, by conversions; ``low`` to ``high``: rate of B minus rate of A."""

    variants: tuple[VariantFigures, VariantFigures]
    verdict: str
    low: float
    high: float


def of(test: ABTest) -> Figures:
    """What came of it: counted now, or for an ended test as it stood at its end."""
    kept = {"A": test.stats_a, "B": test.stats_b}
    found = kept if test.status == ABTest.Status.COMPLETED else counts(test)
    a, b = (_variant(variant, found[variant]) for variant in VARIANTS)
    low, high = intervals.difference(a.converted.part, a.sent, b.converted.part, b.sent)
    return Figures((a, b), _verdict(a, b, low, high), round(low, 4), round(high, 4))


def counts(test: ABTest) -> dict[str, dict[str, int]]:
    """By variant, one query. A conversion counts when it is confirmed and came after the contact."""
    accepted = test.contact_attempts.accepted().exclude(lead=None).order_by().values("variant")
    arrived = Q(status__in=[Status.DELIVERED, Status.SUCCESS])
    bought = Q(lead__conversions__standing="confirmed", lead__conversions__created_at__gte=F("started_at"))
    counted = accepted.annotate(
        sent=Count("lead", distinct=True),
        delivered=Count("lead", distinct=True, filter=arrived),
        replied=Count("lead", distinct=True, filter=Q(result__replied=True)),
        converted=Count("lead", distinct=True, filter=bought),
    )
    found: dict[str, dict[str, int]] = {}
    for row in counted.values_list("variant", *COUNTED):
        found[row[0]] = dict(zip(COUNTED, row[1:], strict=True))
    return {variant: found.get(variant, dict.fromkeys(COUNTED, 0)) for variant in VARIANTS}


def _variant(variant: str, row: dict[str, int]) -> VariantFigures:
    sent = row.get("sent", 0)
    rates = {name: rate(row.get(name, 0), sent) for name in COUNTED[1:]}
    return VariantFigures(variant, sent, **rates)


def rate(part: int, whole: int) -> Rate:
    low, high = intervals.wilson(part, whole)
    return Rate(part, whole, round(part / whole, 4) if whole >= TOO_FEW else None, round(low, 4), round(high, 4))


def _verdict(a: VariantFigures, b: VariantFigures, low: float, high: float) -> str:
    if min(a.sent, b.sent) < TOO_FEW:
        return "TOO_FEW"
    if low > 0:
        return "B"
    return "A" if high < 0 else "NO_DIFFERENCE"
