"""/campaigns and the leads in them."""

from http import HTTPStatus
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import assigning, changing, stats
from campaigns.api.serializers import (
    CampaignDetailSerializer,
    CampaignLeadSerializer,
    CampaignSerializer,
    LeadIdsSerializer,
)
from campaigns.filters import CampaignFilters, CampaignLeadFilters
from campaigns.models import Campaign, CampaignLead
from retention_center.api.problems import Conflict
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireGenericViewSet, WireViewSet
from retention_center.lib import clock

_INCLUDE = OpenApiParameter("include", str, description="leads: the newest 1,000 leads of the campaign too.")


class ChannelStatsSerializer(WireSerializer):
    channel = serializers.CharField()
    total = serializers.IntegerField()
    accepted = serializers.IntegerField()
    arrived = serializers.IntegerField()
    answered = serializers.IntegerField()
    failed = serializers.IntegerField()
    unknown = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())


class CampaignStatsSerializer(WireSerializer):
    """``byChannel`` counts attempts; ``revenue`` is confirmed money in ``currency``."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_channel = serializers.SerializerMethodField()
    channels = ChannelStatsSerializer(many=True)
    conversions = serializers.IntegerField()
    revenue = serializers.DecimalField(max_digits=18, decimal_places=4, coerce_to_string=False)
    currency = serializers.CharField()

    def get_by_channel(self, figures: stats.CampaignFigures) -> dict[str, int]:
        return {one.channel: one.total for one in figures.channels if one.total}


class AssignedSerializer(WireSerializer):
    assigned = serializers.IntegerField()
    skipped = serializers.IntegerField(help_text="Already in the campaign, deleted, or no such lead.")


class RemovedSerializer(WireSerializer):
    removed = serializers.IntegerField()


def with_lead_count(campaigns: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """Each campaign with ``lead_count``, in the same query."""
    inside = CampaignLead.objects.filter(campaign=OuterRef("pk")).order_by().values("campaign")
    counted = Subquery(inside.annotate(n=Count("pk")).values("n"), output_field=IntegerField())
    return campaigns.annotate(lead_count=Coalesce(counted, Value(0)))


@extend_schema_view(
    retrieve=extend_schema(parameters=[_INCLUDE], responses=CampaignDetailSerializer),
    create=extend_schema(responses={201: CampaignDetailSerializer}),
    partial_update=extend_schema(responses=CampaignDetailSerializer),
)
class CampaignViewSet(WireViewSet):
    """Campaigns. The status moves by PATCH along DRAFT, ACTIVE, PAUSED, COMPLETED; other moves answer 409."""

    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer
    filterset_class = CampaignFilters
    sort_fields = ("createdAt", "updatedAt", "name", "status", "startDate", "endDate")

    def get_queryset(self) -> QuerySet[Campaign]:
        campaigns = with_lead_count(Campaign.objects.all())
        return campaigns if self.action == "list" else campaigns.prefetch_related("scripts")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        return CampaignSerializer if self.action == "list" else CampaignDetailSerializer

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        serializer.save()

    def perform_update(self, serializer: serializers.BaseSerializer) -> None:
        serializer.save()

    def perform_destroy(self, instance: Any) -> None:
        try:
            changing.delete(instance, self.actor)
        except changing.HasHistory as refusal:
            raise Conflict(str(refusal), code="has_history") from refusal

    @extend_schema(responses=CampaignStatsSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def stats(self, request: Request, **kwargs: Any) -> Response:
        """By lead status, by channel, and the confirmed revenue."""
        return Response(CampaignStatsSerializer(stats.of_campaign(self.get_object())).data)


class CampaignLeadViewSet(mixins.ListModelMixin, WireGenericViewSet):
    """The leads in a campaign: listed, assigned, removed."""

    queryset = CampaignLead.objects.all()
    serializer_class = CampaignLeadSerializer
    filterset_class = CampaignLeadFilters
    sort_fields = ("assignedAt", "status", "completedAt")
    default_sort = "-assignedAt"

    def get_queryset(self) -> QuerySet[CampaignLead]:
        if "id" not in self.kwargs:  # the schema is being drawn
            return CampaignLead.objects.none()
        return CampaignLead.objects.filter(campaign=self._campaign).select_related("lead")

    @property
    def _campaign(self) -> Campaign:
        return get_object_or_404(Campaign, pk=self.kwargs["id"])

    @extend_schema(request=LeadIdsSerializer, responses={200: AssignedSerializer})
    def assign(self, request: Request, **kwargs: Any) -> Response:
        """Put leads into the campaign, each once; who is in it already is skipped."""
        result = assigning.assign(self._campaign, self._lead_ids(request), clock.now(), self.actor)
        return Response(AssignedSerializer(result._asdict()).data, status=HTTPStatus.OK)

    @extend_schema(request={"application/json": LeadIdsSerializer}, responses={200: RemovedSerializer})
    def remove(self, request: Request, **kwargs: Any) -> Response:
        """Take leads out of the campaign; their attempts stay."""
        return Response({"removed": assigning.remove(self._campaign, self._lead_ids(request), self.actor)})

    def _lead_ids(self, request: Request) -> list[str]:
        given = LeadIdsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return given.validated_data["lead_ids"]
