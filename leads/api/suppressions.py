"""/suppressions: addresses nobody may contact."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from leads import barring, suppression
from leads.api.serializers import SuppressionSerializer, SuppressionWriteSerializer
from leads.filters import SuppressionFilter
from leads.identity import BadValue, clean_address, storable
from leads.models import Suppression
from retention_center.api.problems import Invalid
from retention_center.api.views import WireReadOnlyViewSet
from retention_center.lib import clock
from retention_center.models import Role


class SuppressionViewSet(WireReadOnlyViewSet):
    """Addresses barred from a channel, or from ALL. They outlive import, deletion and erasure of the lead."""

    queryset = Suppression.objects.standing()
    serializer_class = SuppressionSerializer
    filterset_class = SuppressionFilter
    sort_fields = ("createdAt", "address", "channel")
    default_sort = "-createdAt"
    roles = {"destroy": Role.ADMIN}

    @extend_schema(request=SuppressionWriteSerializer, responses={201: SuppressionSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Bar an address, and end what is planned for it; one that is barred already is answered as it stands."""
        serializer = SuppressionWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        try:
            address = clean_address(given["address"])
        except BadValue as error:
            raise Invalid("address", error.message, code=error.code) from None
        row, _stopped = barring.bar(
            address,
            channel=given["channel"],
            reason=given["reason"],
            source="api",
            note=given.get("note", ""),
            now=clock.now(),
            actor=self.actor,
        )
        return Response(SuppressionSerializer(row).data, HTTPStatus.CREATED)

    @extend_schema(parameters=[OpenApiParameter("because", description="Kept in the audit.")], responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Take the bar away; only admins may."""
        because = storable(request.query_params.get("because", ""))[:255]
        suppression.lift(self.get_object(), now=clock.now(), actor=self.actor, because=because)
        return Response(status=HTTPStatus.NO_CONTENT)
