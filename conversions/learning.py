"""Rules learned every night: which share of the people contacted so converted, and how sure that is.

A rule says what went together, not what caused it. Nothing acts on rules by itself: staff read them.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, ExpressionWrapper, OuterRef, Q, QuerySet
from django.db.models.fields import DateTimeField
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from campaigns.models import ContactAttempt
from campaigns.models.contact_policy import DAYS
from conversions.models import Conversion, ConversionRule
from retention_center.lib import clock, intervals
from retention_center.pages.words import TOO_FEW

WITHIN = timedelta(days=7)  # after a contact, a conversion is taken to go with it
LOOKED_BACK = timedelta(days=90)
Found = dict[tuple[str, str, str], tuple[int, int]]  # (channel, metric, value): contacts, converted


def learn(now: datetime) -> int:
    """Replace the rules by what the last 90 days say, leaving out what fewer than 30 contacts say: how many there are.

    Contacts younger than a week are left out: those people may convert yet.
    """
    rules = [_rule(key, contacts, converted) for key, (contacts, converted) in _counted(now).items()]
    with transaction.atomic():
        kept = {(rule.channel, rule.metric, rule.value) for rule in rules}
        for old in ConversionRule.objects.all():
            if (old.channel, old.metric, old.value) not in kept:
                old.delete()
        ConversionRule.objects.bulk_create(
            rules,
            update_conflicts=True,
            unique_fields=["channel", "metric", "value"],
            update_fields=["conversion_rate", "sample_size", "confidence", "updated_at"],
        )
    return len(rules)


def interval(rule: ConversionRule) -> tuple[float, float]:
    """In which the true rate lies, 95 times of 100."""
    low, high = intervals.wilson(round(rule.conversion_rate * rule.sample_size), rule.sample_size)
    return round(low, 4), round(high, 4)


def _rule(key: tuple[str, str, str], contacts: int, converted: int) -> ConversionRule:
    channel, metric, value = key
    low, high = intervals.wilson(converted, contacts)
    return ConversionRule(
        channel=channel,
        metric=metric,
        value=value,
        conversion_rate=converted / contacts,
        sample_size=contacts,
        confidence=round(1 - (high - low), 4),
        updated_at=clock.now(),
    )


def _counted(now: datetime) -> Found:
    """One grouped query for each metric."""
    zone = ZoneInfo(settings.TIME_ZONE)
    attempts = ContactAttempt.objects.accepted().exclude(lead=None)
    attempts = attempts.filter(started_at__gte=now - WITHIN - LOOKED_BACK, started_at__lt=now - WITHIN)
    attempts = attempts.annotate(
        hour=ExtractHour("started_at", tzinfo=zone), day=ExtractIsoWeekDay("started_at", tzinfo=zone)
    )
    found: Found = {}
    for metric, column in (("source", "lead__source"), ("weekday", "day"), ("hour", "hour"), ("all", None)):
        for row in _grouped(attempts, column):
            if row["contacts"] >= TOO_FEW:
                found[row["channel"], metric, _told(metric, row.get(column or ""))] = row["contacts"], row["converted"]
    return found


def _grouped(attempts: QuerySet[ContactAttempt], column: str | None) -> QuerySet:
    ends = ExpressionWrapper(OuterRef("started_at") + WITHIN, output_field=DateTimeField())
    bought = Conversion.objects.confirmed().filter(
        lead=OuterRef("lead"), created_at__gte=OuterRef("started_at"), created_at__lt=ends
    )
    names = ["channel", *([column] if column else [])]
    counted = attempts.annotate(bought=Exists(bought)).order_by().values(*names)
    return counted.annotate(contacts=Count("pk"), converted=Count("pk", filter=Q(bought=True)))


def _told(metric: str, value: object) -> str:
    """ "09" to "10" o'clock in the organisation's zone, "MON", a source's name, or "all"."""
    if metric == "all":
        return "all"
    if metric == "hour":
        return f"{int(str(value)):02d}:00"
    return DAYS[int(str(value)) - 1] if metric == "weekday" else str(value)
