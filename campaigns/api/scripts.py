"""/scripts and their preview."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import scripting
from campaigns.api.serializers import ScriptSerializer
from campaigns.changing import HasHistory
from campaigns.filters import ScriptFilters
from campaigns.models import Script
from campaigns.previewing import preview
from leads.models import Lead
from retention_center.api.problems import Conflict, Invalid
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireViewSet


class PreviewRequestSerializer(WireSerializer):
    """Without a lead, a made-up one stands in. ``content`` and ``subject`` try a text out before it is saved."""

    lead_id = serializers.CharField(required=False, allow_blank=True, max_length=40)
    subject = serializers.CharField(required=False, allow_blank=True, max_length=300)
    content = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False, max_length=100_000)


class SmsSizeSerializer(WireSerializer):
    characters = serializers.IntegerField()
    encoding = serializers.CharField()
    segments = serializers.IntegerField()


class FallbackSerializer(WireSerializer):
    """A placeholder that is empty for this lead, and what stands in for it."""

    placeholder = serializers.CharField()
    fallback = serializers.CharField()


class PreviewSerializer(WireSerializer):
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()
    placeholders = serializers.ListField(child=serializers.CharField(), source="names")
    unknown_placeholders = serializers.ListField(child=serializers.CharField(), source="unknown")
    empty_placeholders = serializers.ListField(child=serializers.CharField(), source="empty")
    problems = serializers.ListField(child=serializers.CharField())
    fallbacks = FallbackSerializer(many=True)
    is_sendable = serializers.BooleanField()
    cost = serializers.DecimalField(
        max_digits=12, decimal_places=4, allow_null=True, help_text="Of an SMS, as of late."
    )
    currency = serializers.CharField()
    sms = SmsSizeSerializer(allow_null=True)


class ScriptViewSet(WireViewSet):
    """Scripts: messages with Liquid placeholders. Making one the default takes it from the former one of its type."""

    queryset = Script.objects.all()
    serializer_class = ScriptSerializer
    filterset_class = ScriptFilters
    sort_fields = ("createdAt", "updatedAt", "name", "type")

    def get_queryset(self) -> QuerySet[Script]:
        return Script.objects.select_related("campaign") if self.action == "preview" else Script.objects.all()

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        serializer.save()

    def perform_update(self, serializer: serializers.BaseSerializer) -> None:
        serializer.save()

    def perform_destroy(self, instance: Any) -> None:
        try:
            scripting.delete(instance, self.actor)
        except HasHistory as refusal:
            raise Conflict(str(refusal), code="has_history") from refusal

    @extend_schema(request=PreviewRequestSerializer, responses={200: PreviewSerializer})
    @action(detail=True, methods=["post"])
    def preview(self, request: Request, **kwargs: Any) -> Response:
        """The script as the lead would get it; empty placeholders stand marked in the text."""
        script = self.get_object()
        asked = PreviewRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        lead = _lead(asked.validated_data.get("lead_id", ""))
        for column in ("subject", "content"):
            setattr(script, column, asked.validated_data.get(column, getattr(script, column)))
        seen = preview(script, lead)
        parts = {name: getattr(seen.rendered, name, "") for name in ("subject", "text", "html")}
        told = {name: getattr(seen, name) for name in ("names", "unknown", "empty", "problems", "is_sendable")}
        told |= {"sms": seen.sms and seen.sms._asdict(), "cost": None, "currency": ""}
        told["fallbacks"] = [{"placeholder": name, "fallback": fallback} for name, fallback in seen.fallbacks]
        if seen.price:
            told |= {"cost": round(seen.price.amount, 4), "currency": seen.price.currency}
        return Response(PreviewSerializer(parts | told).data)


def _lead(lead_id: str) -> Lead | None:
    if not lead_id:
        return None
    lead = Lead.objects.present().filter(pk=lead_id).first()
    if lead is None:
        raise Invalid("leadId", "There is no such lead.", code="does_not_exist")
    return lead
