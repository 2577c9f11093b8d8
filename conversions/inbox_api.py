"""Inbound events on the wire. They stand up here because an event may be linked to leads and attempts of any kind."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import ContactAttempt
from conversions import inbox_acts
from integrations.filters import InboundEventFilters
from integrations.inbox import AlreadyApplied
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.api.problems import Conflict, Invalid
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.api.views import WireReadOnlyViewSet
from retention_center.lib.models import ID_LENGTH


class InboundEventSerializer(WireModelSerializer):
    class Meta:
        model = InboundEvent
        fields = (
            "id",
            "provider",
            "kind",
            "status",
            "reason",
            "facts",
            "payload",
            "attempt_id",
            "provider_ref",
            "lead_id",
            "tries",
            "next_try_at",
            "occurred_at",
            "received_at",
            "processed_at",
        )
        read_only_fields = fields


class LinkSerializer(WireSerializer):
    """Whom the event speaks of: a lead, or the attempt it answers."""

    lead_id = serializers.CharField(max_length=ID_LENGTH, required=False, allow_blank=True)
    attempt_id = serializers.CharField(max_length=ID_LENGTH, required=False, allow_blank=True)


class InboxViewSet(WireReadOnlyViewSet):
    """What the outside told us: waiting, applied, unmatched or refused."""

    queryset = InboundEvent.objects.all()
    serializer_class = InboundEventSerializer
    filterset_class = InboundEventFilters
    sort_fields = ("receivedAt", "status", "provider")
    default_sort = "-receivedAt"

    @extend_schema(request=None, responses={200: InboundEventSerializer})
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Try the event again now; one that was applied answers 409."""
        event = self.get_object()
        try:
            inbox_acts.replay(event, self.actor)
        except AlreadyApplied as refusal:
            raise Conflict(str(refusal), code="already_applied") from refusal
        return Response(self.get_serializer(event).data)

    @extend_schema(request=LinkSerializer, responses={200: InboundEventSerializer})
    @action(detail=True, methods=["post"])
    def link(self, request: Request, **kwargs: Any) -> Response:
        """Say whom the event speaks of, and try it again; one that was applied answers 409."""
        event = self.get_object()
        given = LinkSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        lead_id, attempt_id = given.validated_data.get("lead_id", ""), given.validated_data.get("attempt_id", "")
        _must_exist(lead_id, attempt_id)
        try:
            inbox_acts.link(event, lead_id=lead_id, attempt_id=attempt_id, actor=self.actor)
        except AlreadyApplied as refusal:
            raise Conflict(str(refusal), code="already_applied") from refusal
        return Response(self.get_serializer(event).data)


def _must_exist(lead_id: str, attempt_id: str) -> None:
    if not lead_id and not attempt_id:
        raise Invalid("leadId", "Name a lead or an attempt.", code="required")
    if lead_id and not Lead.objects.filter(pk=lead_id).exists():
        raise Invalid("leadId", "There is no such lead.", code="does_not_exist")
    if attempt_id and not ContactAttempt.objects.filter(pk=attempt_id).exists():
        raise Invalid("attemptId", "There is no such attempt.", code="does_not_exist")
