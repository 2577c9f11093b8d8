"""/conversion-rules: what was learned."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers

from conversions import learning
from conversions.filters import ConversionRuleFilters
from conversions.models import ConversionRule
from retention_center.api.serializers import WireModelSerializer
from retention_center.api.views import WireGenericViewSet


class ConversionRuleSerializer(WireModelSerializer):
    """Of ``sampleSize`` contacts, the share after which the lead converted within seven days.

    ``interval`` is where the true rate lies, 95 times of 100; ``confidence`` is 1 less the interval's width.
    """

    interval = serializers.SerializerMethodField()

    class Meta:
        model = ConversionRule
        fields = (
            "id",
            "channel",
            "metric",
            "value",
            "conversion_rate",
            "sample_size",
            "confidence",
            "interval",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
    def get_interval(self, rule: ConversionRule) -> list[float]:
        return list(learning.interval(rule))


class ConversionRuleViewSet(mixins.ListModelMixin, WireGenericViewSet):
    """Learned every night from the last 90 days; nothing acts on them by itself."""

    queryset = ConversionRule.objects.all()
    serializer_class = ConversionRuleSerializer
    filterset_class = ConversionRuleFilters
    sort_fields = ("conversionRate", "sampleSize", "confidence", "channel", "metric", "createdAt", "updatedAt")
    default_sort = "-conversionRate"
