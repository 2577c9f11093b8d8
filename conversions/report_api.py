"""/reports on the wire."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from conversions import reports
from conversions.periods import LONGEST_DAYS, BadPeriod, period_of
from retention_center.api.filters import BLANK
from retention_center.api.problems import Invalid
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib import clock

_DAY = {"anyOf": [{"type": "string", "format": "date"}, BLANK]}


class _Money(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=18, decimal_places=4, coerce_to_string=False, **kwargs)


class _Counts(serializers.DictField):
    child = serializers.IntegerField()


class RateSerializer(WireSerializer):
    """``rate`` (0 to 1) is null where there were too few to judge."""

    numerator = serializers.IntegerField()
    denominator = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    too_few_to_judge = serializers.BooleanField()


class OverviewLeadsSerializer(WireSerializer):
    """All present leads as they stand now; ``created`` in the period, ``createdBefore`` in the one before."""

    total = serializers.IntegerField()
    by_status = _Counts()
    by_source = _Counts()
    created = serializers.IntegerField()
    created_before = serializers.IntegerField()


class AttemptTotalsSerializer(WireSerializer):
    """``accepted``: a provider took it. Delivered and success are counted of all attempts."""

    total = serializers.IntegerField()
    accepted = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="FAILED and BOUNCED.")
    unknown = serializers.IntegerField()
    delivery_rate = RateSerializer(help_text="DELIVERED or SUCCESS, of all.")
    success_rate = RateSerializer(help_text="SUCCESS (clicked, answered or replied), of all.")


class OverviewChannelSerializer(AttemptTotalsSerializer):
    channel = serializers.CharField()
    by_status = _Counts()
    average_duration = serializers.FloatField(allow_null=True, help_text="Seconds.")
    average_cost = _Money(allow_null=True, help_text="In the reporting currency.")
    cost = _Money(help_text="In the reporting currency.")


class SendsOfDaySerializer(WireSerializer):
    date = serializers.DateField()
    total = serializers.IntegerField(help_text="All attempts.")
    accepted = _Counts(help_text="By channel.")


class OtherCostSerializer(WireSerializer):
    currency = serializers.CharField(allow_blank=True)
    cost = _Money()


class OverviewAttemptsSerializer(AttemptTotalsSerializer):
    before = AttemptTotalsSerializer()
    by_status = _Counts()
    by_channel = OverviewChannelSerializer(many=True)
    by_day = SendsOfDaySerializer(many=True)
    pretended = serializers.IntegerField(help_text="Of the accepted ones, those that only the sandbox took.")
    other_costs = OtherCostSerializer(many=True)


class OtherCurrencySerializer(WireSerializer):
    currency = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    revenue = _Money()


class RevenueSerializer(WireSerializer):
    """Confirmed conversions; ``revenue`` is in the reporting currency, other currencies stand apart."""

    confirmed = serializers.IntegerField()
    revenue = _Money()
    other_currencies = OtherCurrencySerializer(many=True)


class RevenueOfDaySerializer(WireSerializer):
    date = serializers.DateField()
    count = serializers.IntegerField()
    revenue = _Money()


class OverviewConversionsSerializer(RevenueSerializer):
    pending = serializers.IntegerField()
    rejected = serializers.IntegerField()
    before = RevenueSerializer()
    by_day = RevenueOfDaySerializer(many=True)
    before_by_day = RevenueOfDaySerializer(many=True)


class DueSerializer(WireSerializer):
    """Steps of active sequences as they stand now."""

    today = serializers.IntegerField()
    overdue = serializers.IntegerField()
    held = serializers.IntegerField()
    in_flight = serializers.IntegerField()


class CauseSerializer(WireSerializer):
    """Why contacts did not go out: failed and skipped in the period, held now."""

    kind = serializers.ChoiceField(choices=["failed", "held", "skipped"])
    reason = serializers.CharField(allow_blank=True)
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    by_channel = _Counts()


class OverviewSerializer(WireSerializer):
    date_from = serializers.DateField()
    date_to = serializers.DateField()
    time_zone = serializers.CharField(help_text="The organisation's zone: its days are counted.")
    as_of = serializers.DateTimeField()
    currency = serializers.CharField(help_text="The reporting currency.")
    leads = OverviewLeadsSerializer()
    attempts = OverviewAttemptsSerializer()
    conversions = OverviewConversionsSerializer()
    due = DueSerializer()
    reasons = CauseSerializer(many=True)


class OverviewView(WireView):
    """What was sent and what came of it, for a period against the one before; at most 60 s old."""

    @extend_schema(
        operation_id="reports_overview",
        parameters=[
            OpenApiParameter("dateFrom", _DAY, description="The first day; 30 days up to dateTo when left out."),
            OpenApiParameter(
                "dateTo", _DAY, description=f"The last day, at most {LONGEST_DAYS} days; today by default."
            ),
        ],
        responses={200: OverviewSerializer},
    )
    def get(self, request: Request) -> Response:
        now = clock.now()
        zone = ZoneInfo(settings.TIME_ZONE)
        asked = (request.query_params.get(name, "") for name in ("dateFrom", "dateTo"))
        try:
            period = period_of(*asked, today=now.astimezone(zone).date(), zone=zone)
        except BadPeriod as bad:
            raise Invalid(bad.field, str(bad), code="bad_period") from bad
        return Response(OverviewSerializer(reports.overview(period.first, period.last, now=now)).data)
