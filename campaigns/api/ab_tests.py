"""/ab-tests: two texts for one message of a campaign, and what came of each."""

from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import ab_figures, ab_tests
from campaigns.filters import ABTestFilters
from campaigns.models import ABTest, Campaign
from campaigns.templating import OUTPUT_BYTES
from retention_center.api.problems import Conflict, Invalid
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.api.views import WireReadOnlyViewSet
from retention_center.lib.channels import Channel


class VariantRateSerializer(WireSerializer):
    """``part`` of ``whole``; ``rate`` (0 to 1) is null below 30, ``low`` to ``high`` is its 95 % interval."""

    part = serializers.IntegerField()
    whole = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField()
    high = serializers.FloatField()


class VariantFiguresSerializer(WireSerializer):
    """People, not messages; the three rates are of ``sent``."""

    sent = serializers.IntegerField()
    delivered = VariantRateSerializer()
    replied = VariantRateSerializer()
    converted = VariantRateSerializer()


class ABTestSerializer(WireModelSerializer):
    winner_id = serializers.SerializerMethodField(help_text="The variant that was chosen, A or B.")

    class Meta:
        model = ABTest
        fields: tuple[str, ...] = (
            "id",
            "campaign_id",
            "channel",
            "variant_a",
            "variant_b",
            "status",
            "winner_id",
            "started_at",
            "ended_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": ["string", "null"], "enum": ["A", "B", None]})
    def get_winner_id(self, test: ABTest) -> str | None:
        return test.winner_id or None


class ABTestDetailSerializer(ABTestSerializer):
    """``verdict`` is by conversions: TOO_FEW below 30 people each, NO_DIFFERENCE, or the better variant.

    The figures of an ended test are those of its end.
    """

    stats_a = serializers.SerializerMethodField()
    stats_b = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()

    class Meta(ABTestSerializer.Meta):
        fields = (*ABTestSerializer.Meta.fields, "stats_a", "stats_b", "verdict")
        read_only_fields = fields

    def to_representation(self, instance: ABTest) -> dict[str, Any]:
        self.figures = ab_figures.of(instance)
        return super().to_representation(instance)

    @extend_schema_field(VariantFiguresSerializer)
    def get_stats_a(self, test: ABTest) -> Any:
        return VariantFiguresSerializer(self.figures.variants[0]).data

    @extend_schema_field(VariantFiguresSerializer)
    def get_stats_b(self, test: ABTest) -> Any:
        return VariantFiguresSerializer(self.figures.variants[1]).data

    @extend_schema_field({"type": "string", "enum": ["TOO_FEW", "NO_DIFFERENCE", "A", "B"]})
    def get_verdict(self, test: ABTest) -> str:
        return self.figures.verdict


class NewABTestSerializer(WireSerializer):
    campaign_id = serializers.CharField(max_length=40)
    channel = serializers.ChoiceField(Channel.choices)
    variant_a = serializers.CharField(max_length=OUTPUT_BYTES, trim_whitespace=False)
    variant_b = serializers.CharField(max_length=OUTPUT_BYTES, trim_whitespace=False)


class ABTestChangeSerializer(WireSerializer):
    """Texts while nobody was contacted with them; or the end, with the variant that won, if one did."""

    status = serializers.ChoiceField(ABTest.Status.choices, required=False)
    winner_id = serializers.ChoiceField(ab_figures.VARIANTS, required=False, allow_null=True)
    variant_a = serializers.CharField(max_length=OUTPUT_BYTES, trim_whitespace=False, required=False)
    variant_b = serializers.CharField(max_length=OUTPUT_BYTES, trim_whitespace=False, required=False)


class ABTestViewSet(WireReadOnlyViewSet):
    """A/B tests. A winner named at the end becomes the campaign's script from then on."""

    queryset = ABTest.objects.all()
    serializer_class = ABTestSerializer
    filterset_class = ABTestFilters
    sort_fields = ("startedAt", "endedAt", "status", "channel")
    default_sort = "-startedAt"

    def get_queryset(self) -> QuerySet[ABTest]:
        return ABTest.objects.all() if self.action == "list" else ABTest.objects.select_related("campaign")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        return ABTestSerializer if self.action == "list" else ABTestDetailSerializer

    @extend_schema(request=NewABTestSerializer, responses={201: ABTestDetailSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Start a test: from now on each lead gets one of the two texts in place of the channel's script."""
        given = NewABTestSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        campaign = Campaign.objects.filter(pk=values.pop("campaign_id")).first()
        if campaign is None:
            raise Invalid("campaignId", "There is no such campaign.", code="does_not_exist")
        try:
            test = ab_tests.create(ABTest(campaign=campaign, **values), self.actor)
        except ab_tests.Refused as refusal:
            raise Conflict(str(refusal), code="cannot_test") from refusal
        return Response(ABTestDetailSerializer(test).data, HTTPStatus.CREATED)

    @extend_schema(request=ABTestChangeSerializer, responses=ABTestDetailSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Correct a text that nobody got yet, or end the test: COMPLETED, with winnerId or without."""
        test = self.get_object()
        given = ABTestChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        status, winner = values.pop("status", test.status), values.pop("winner_id", None) or ""
        if winner and status != ABTest.Status.COMPLETED:
            raise Invalid("winnerId", "A winner is named when the test ends: send status COMPLETED with it.")
        try:
            with transaction.atomic():
                test = ab_tests.change(test, values, self.actor)
                if status != test.status or winner:
                    ab_tests.complete(test, winner, self.actor)
        except ab_tests.Refused as refusal:
            raise Conflict(str(refusal), code="cannot_test") from refusal
        return Response(ABTestDetailSerializer(test).data)
