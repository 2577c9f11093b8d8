"""/leads/{id}/contact: send now."""

import secrets
from http import HTTPStatus

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import by_hand
from campaigns.api.serializers import AttemptDetailSerializer
from campaigns.models import Script
from leads.models import Lead
from retention_center.api.idempotency import HEADER
from retention_center.api.problems import Conflict, Invalid
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib import clock
from retention_center.lib.channels import Channel


class ContactSerializer(WireSerializer):
    """What to send, and on which channel."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    script_id = serializers.CharField(max_length=40)


class ContactView(WireView):
    """Contacts by hand; they obey the same rules as all others."""

    @extend_schema(request=ContactSerializer, responses={201: AttemptDetailSerializer})
    def post(self, request: Request, **kwargs: str) -> Response:
        """Send now: 201 with the attempt, whatever the provider said; 409 with the reason it may not be.

        A 409 has the ``reason``'s code (see /reasons) and ``until``, where it is known when it ends.
        """
        lead = get_object_or_404(Lead.objects.present(), pk=kwargs["id"])
        script = self._script(request)
        try:
            attempt = by_hand.contact_now(lead, script, token=self._token(), now=clock.now(), actor=self.actor)
        except by_hand.MayNot as refusal:
            decision = refusal.decision
            until = decision.until.isoformat() if decision.until else None
            raise Conflict(f"{refusal}.", code="may_not_contact", reason=str(decision.reason), until=until) from None
        return Response(AttemptDetailSerializer(attempt, context={"request": request}).data, status=HTTPStatus.CREATED)

    def _script(self, request: Request) -> Script:
        given = ContactSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        script = Script.objects.select_related("campaign").filter(pk=asked["script_id"], archived_at=None).first()
        if script is None:
            raise Invalid("scriptId", "There is no such script, or it is archived.", code="not_found")
        if script.type != asked["channel"]:
            raise Invalid("scriptId", f"This script is for {Channel(script.type).label}.", code="wrong_channel")
        return script

    def _token(self) -> str:
        """The same for a request that is repeated with its key: even one that we failed to answer sends once."""
        key = self.request.headers.get(HEADER)
        return f"{self.request.user.pk} {key}" if key else secrets.token_hex()
