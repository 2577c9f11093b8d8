"""Conversions on the wire."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet, Sum
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Campaign, ContactAttempt
from conversions import changing
from conversions.filters import ConversionFilters
from conversions.models import Conversion
from leads.models import Lead
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.api.views import WireReadOnlyViewSet
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.models import ID_LENGTH

Standing = Conversion.Standing
REF_PREFIX = "ref:"


class ConversionSerializer(WireModelSerializer):
    """``status`` is the sender's own word, ``standing`` what it means: pending, confirmed (money) or rejected."""

    lead_id = serializers.CharField(read_only=True, allow_null=True)
    campaign_id = serializers.CharField(read_only=True, allow_null=True)
    contact_attempt_id = serializers.CharField(read_only=True, allow_null=True)
    channel = serializers.ChoiceField(choices=[*Channel.choices, ("", "Not known")], read_only=True)
    external_ref = serializers.SerializerMethodField()

    class Meta:
        model = Conversion
        fields = (
            "id",
            "lead_id",
            "campaign_id",
            "contact_attempt_id",
            "channel",
            "revenue",
            "currency",
            "status",
            "standing",
            "sub_id",
            "click_id",
            "tid",
            "source",
            "external_ref",
            "postback_data",
            "confirmed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_external_ref(self, conversion: Conversion) -> str:
        key = conversion.dedupe_key
        return key.removeprefix(REF_PREFIX) if key.startswith(REF_PREFIX) else ""


class LinksSerializer(WireSerializer):
    """The columns a caller may give: whose it is, and what it is worth."""

    status = serializers.CharField(max_length=40, required=False)
    revenue = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=Decimal(0), required=False, coerce_to_string=False
    )
    currency = serializers.RegexField(r"^[A-Za-z]{3}$", required=False, help_text="Three letters, as USD.")
    lead_id = serializers.CharField(max_length=ID_LENGTH, required=False, allow_null=True)
    campaign_id = serializers.CharField(max_length=ID_LENGTH, required=False, allow_null=True)

    def validate_currency(self, currency: str) -> str:
        return currency.upper()

    def validate_lead_id(self, pk: str | None) -> str | None:
        return _existing(Lead.objects.all(), pk, "lead")

    def validate_campaign_id(self, pk: str | None) -> str | None:
        return _existing(Campaign.objects.all(), pk, "campaign")


class GivenSerializer(LinksSerializer):
    """``externalRef`` makes it once: the same again changes the same conversion."""

    source = serializers.ChoiceField(choices=["api", "manual"], default="api")
    status = serializers.CharField(max_length=40)
    external_ref = serializers.CharField(max_length=255, required=False, allow_blank=True)
    contact_attempt_id = serializers.CharField(max_length=ID_LENGTH, required=False, allow_null=True)
    sub_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    click_id = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tid = serializers.CharField(max_length=255, required=False, allow_blank=True)

    def validate_contact_attempt_id(self, pk: str | None) -> str | None:
        return _existing(ContactAttempt.objects.all(), pk, "attempt")

    def given(self) -> changing.Given:
        values = {name: value for name, value in self.validated_data.items() if value is not None}
        if attempt_id := values.pop("contact_attempt_id", ""):
            values["attempt_id"] = attempt_id
        return changing.Given(**values)


class CampaignRevenueSerializer(WireSerializer):
    campaign_id = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_blank=True)
    total = serializers.IntegerField()
    revenue = serializers.DecimalField(max_digits=20, decimal_places=4)


class ConversionStatsSerializer(WireSerializer):
    """``revenue`` is confirmed money in ``currency`` only; what came in other currencies stands beside it."""

    total = serializers.IntegerField()
    revenue = serializers.DecimalField(max_digits=20, decimal_places=4)
    currency = serializers.CharField()
    other_revenue = serializers.DictField(child=serializers.DecimalField(max_digits=20, decimal_places=4))
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_standing = serializers.DictField(child=serializers.IntegerField())
    by_campaign = CampaignRevenueSerializer(many=True)


class ConversionViewSet(mixins.CreateModelMixin, WireReadOnlyViewSet):
    """Sales and sign-ups: told by Keitaro, by the API, or by staff."""

    queryset = Conversion.objects.all()
    serializer_class = ConversionSerializer
    filterset_class = ConversionFilters
    sort_fields = ("createdAt", "updatedAt", "revenue", "status", "source")

    @extend_schema(request=GivenSerializer, responses={201: ConversionSerializer, 200: ConversionSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Write a conversion down, with the effects of a postback. 200 when its ``externalRef`` is known."""
        given = GivenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        conversion, is_new = changing.add(given.given(), actor=self.actor, now=clock.now())
        status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
        return Response(self.get_serializer(conversion).data, status=status)

    @extend_schema(request=LinksSerializer, responses={200: ConversionSerializer})
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Link it to a lead or a campaign, or move its status as a postback would."""
        conversion = self.get_object()
        change = LinksSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        changing.change(conversion, change.validated_data, actor=self.actor, now=clock.now())
        return Response(self.get_serializer(conversion).data)

    @extend_schema(responses={200: ConversionStatsSerializer})
    @action(detail=False, methods=["get"], pagination_class=None)
    def stats(self, request: Request) -> Response:
        """Counts and confirmed money of the conversions that match the filters."""
        return Response(ConversionStatsSerializer(figures_of(self.filter_queryset(self.get_queryset()))).data)


def figures_of(conversions: QuerySet[Conversion]) -> dict[str, Any]:
    """Four grouped queries, however many rows."""
    rows = conversions.order_by()
    money = rows.filter(standing=Standing.CONFIRMED)
    sums = {each["currency"]: each["sum"] for each in money.values("currency").annotate(sum=Sum("revenue"))}
    counts = rows.values("campaign_id", "campaign__name").annotate(total=Count("pk")).order_by("-total", "campaign_id")
    own = money.filter(currency=settings.CURRENCY).values_list("campaign_id").annotate(sum=Sum("revenue"))
    revenue = dict(own)
    by_status = dict(rows.values_list("status").annotate(Count("pk")).order_by("status"))
    by_standing = dict(rows.values_list("standing").annotate(Count("pk")).order_by("standing"))
    return {
        "total": sum(by_status.values()),
        "revenue": sums.pop(settings.CURRENCY, Decimal(0)),
        "currency": settings.CURRENCY,
        "other_revenue": sums,
        "by_status": by_status,
        "by_standing": by_standing,
        "by_campaign": [
            {
                "campaign_id": each["campaign_id"],
                "name": each["campaign__name"] or "",
                "total": each["total"],
                "revenue": revenue.get(each["campaign_id"], Decimal(0)),
            }
            for each in counts
        ],
    }


def _existing(rows: QuerySet, pk: str | None, what: str) -> str | None:
    if pk and not rows.filter(pk=pk).exists():
        raise serializers.ValidationError(f"There is no such {what}.", code="does_not_exist")
    return pk
