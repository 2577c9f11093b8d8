"""/attempts: what was tried, and what came of it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import stats
from campaigns.api.serializers import AttemptDetailSerializer, AttemptSerializer
from campaigns.filters import AttemptFilters
from campaigns.models import ContactAttempt
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireReadOnlyViewSet


class PerformanceSerializer(WireSerializer):
    channel = serializers.CharField()
    status = serializers.CharField()
    currency = serializers.CharField()
    count = serializers.IntegerField()
    average_duration = serializers.FloatField(allow_null=True, help_text="Seconds.")
    average_cost = serializers.DecimalField(max_digits=16, decimal_places=4, allow_null=True, coerce_to_string=False)


class AttemptStatsSerializer(WireSerializer):
    """By channel, of all attempts, 0 to 1: ``deliveryRate`` DELIVERED or SUCCESS, ``successRate`` SUCCESS."""

    total = serializers.IntegerField()
    by_channel = serializers.DictField(child=serializers.IntegerField())
    by_status = serializers.DictField(child=serializers.IntegerField())
    delivery_rate = serializers.DictField(child=serializers.FloatField())
    success_rate = serializers.DictField(child=serializers.FloatField())
    performance = PerformanceSerializer(many=True)


@extend_schema_view(retrieve=extend_schema(responses=AttemptDetailSerializer))
class AttemptViewSet(WireReadOnlyViewSet):
    """Every contact we meant to make: written before the provider is called, and never deleted."""

    queryset = ContactAttempt.objects.all()
    serializer_class = AttemptSerializer
    filterset_class = AttemptFilters
    sort_fields = ("startedAt", "recordedAt", "completedAt", "status", "channel", "cost", "duration")
    default_sort = "-startedAt"

    def get_queryset(self) -> QuerySet[ContactAttempt]:
        if self.action == "retrieve":
            return ContactAttempt.objects.select_related("lead")
        return ContactAttempt.objects.defer("message", "policy_snapshot")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        return AttemptDetailSerializer if self.action == "retrieve" else AttemptSerializer

    @extend_schema(responses=AttemptStatsSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def stats(self, request: Request, **kwargs: Any) -> Response:
        """Counts by channel and status, averages of duration and cost; takes the list's filters."""
        attempts = self.filter_queryset(ContactAttempt.objects.all())
        channels = stats.by_channel(attempts)
        by_status: dict[str, int] = {}
        for one in channels:
            for status, count in one.by_status.items():
                by_status[status] = by_status.get(status, 0) + count
        answer = {
            "total": sum(by_status.values()),
            "by_channel": {one.channel: one.total for one in channels if one.total},
            "by_status": by_status,
            "delivery_rate": {one.channel: round(one.arrived / one.total, 4) for one in channels if one.total},
            "success_rate": {one.channel: round(one.answered / one.total, 4) for one in channels if one.total},
            "performance": stats.performance(attempts),
        }
        return Response(AttemptStatsSerializer(answer).data)
