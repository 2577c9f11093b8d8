"""Providers on the wire: how they are set up, without their secrets, and whether they work."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from integrations import connection, credentials
from integrations.catalogue import PROVIDERS, Known
from integrations.models import IntegrationConfig
from integrations.providers.registry import is_active
from retention_center import audit
from retention_center.api.fields import ObjectField
from retention_center.api.problems import Problem
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.models import Role


class IntegrationSerializer(WireSerializer):
    """``config`` shows of each secret at most its last four characters, behind dots."""

    provider = serializers.CharField()
    type = serializers.ChoiceField(choices=IntegrationConfig.Type.choices)
    is_active = serializers.BooleanField()
    can_send = serializers.BooleanField(help_text="False: its settings are kept, but nothing is sent by it yet.")
    config = ObjectField()
    updated_at = serializers.DateTimeField(allow_null=True)


class IntegrationListSerializer(WireSerializer):
    data = IntegrationSerializer(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total_pages = serializers.IntegerField()
    next_cursor = serializers.CharField(allow_null=True)


class ChangeSerializer(WireSerializer):
    """What is left out stays as it is; a given ``config`` replaces the old one, untouched masks keep their secrets."""

    is_active = serializers.BooleanField(required=False)
    config = ObjectField(required=False)


class TestSerializer(WireSerializer):
    ok = serializers.BooleanField(allow_null=True, help_text="null: there is nothing to test.")
    detail = serializers.CharField()


class IntegrationsView(WireView):
    @extend_schema(operation_id="integrations_list", responses={200: IntegrationListSerializer})
    def get(self, request: Request) -> Response:
        """Every provider, set up or not."""
        rows = {row.provider: row for row in IntegrationConfig.objects.all()}
        data = [shown(known, rows.get(name)) for name, known in PROVIDERS.items()]
        size = len(data)
        answer = {"data": data, "total": size, "page": 1, "page_size": size, "total_pages": 1, "next_cursor": None}
        return Response(IntegrationListSerializer(answer).data)


class IntegrationView(WireView):
    roles = {"put": Role.ADMIN}

    @extend_schema(responses={200: IntegrationSerializer})
    def get(self, request: Request, provider: str) -> Response:
        """One provider."""
        known = known_or_404(provider)
        return Response(IntegrationSerializer(shown(known, row_of(known))).data)

    @extend_schema(request=ChangeSerializer, responses={200: IntegrationSerializer})
    def put(self, request: Request, provider: str) -> Response:
        """Set a provider up."""
        known = known_or_404(provider)
        change = ChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        try:
            row = credentials.save(known, **change.validated_data, actor=self.actor)
        except credentials.BadConfig as bad:
            raise as_problem(bad.problems) from bad
        return Response(IntegrationSerializer(shown(known, row)).data)


class IntegrationTestView(WireView):
    roles = {"post": Role.ADMIN}

    @extend_schema(request=None, responses={200: TestSerializer})
    def post(self, request: Request, provider: str) -> Response:
        """Ask the provider, with what is saved, whether it works. Waits for its answer, 20 seconds at most."""
        known = known_or_404(provider)
        row = row_of(known)
        tested = connection.test(known, row)
        if row is not None:
            audit.record(self.actor, "test", row, after={"ok": tested.ok})
        return Response(TestSerializer({"ok": tested.ok, "detail": tested.detail}).data)


def known_or_404(provider: str) -> Known:
    if provider not in PROVIDERS:
        raise Http404
    return PROVIDERS[provider]


def row_of(known: Known) -> IntegrationConfig | None:
    return IntegrationConfig.objects.filter(provider=known.name).first()


def shown(known: Known, row: IntegrationConfig | None) -> dict[str, Any]:
    """A provider as anybody may see it."""
    return {
        "provider": known.name,
        "type": known.type,
        "is_active": is_active(known.name, row),
        "can_send": known.can_send,
        "config": credentials.masked(known, row.config) if row else {},
        "updated_at": row.updated_at if row else None,
    }


def as_problem(problems: Mapping[str, str]) -> Problem:
    errors = [
        {"field": key if key == "isActive" else f"config.{key}", "code": "invalid", "message": message}
        for key, message in problems.items()
    ]
    first = errors[0]
    return Problem(400, f"{first['field']}: {first['message']}", code="invalid", errors=errors)
