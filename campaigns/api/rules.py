"""/policy, /pause and /reasons."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema, extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns import meta, policies, sending
from campaigns.models import ContactPolicy
from campaigns.models.contact_policy import DAYS
from campaigns.reasons import Reason
from campaigns.sending import Standing
from retention_center.api.fields import ObjectField
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib.channels import Channel
from retention_center.models import Role

_CLOCK = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


@extend_schema_field({"type": "string", "pattern": _CLOCK})
class ClockField(serializers.CharField):
    """A time of day as HH:MM; the policy's own checks read it."""


@extend_schema_field({"type": "string", "format": "date"})
class DayField(serializers.CharField):
    """A local date as YYYY-MM-DD; the policy's own checks read it."""


_RULES = {
    "contactHoursStart": {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    "contactHoursEnd": {"type": "string", "pattern": _CLOCK},
    "contactDays": {
        "type": "array",
        "items": {"type": "string", "enum": list(DAYS)},
        "minItems": 1,
        "maxItems": len(DAYS),
        "uniqueItems": True,
    },
    "maxContactsPerDay": {"type": "integer", "minimum": 1, "maximum": meta.MOST_CONTACTS},
    "delayBetweenChannels": {"type": "integer", "minimum": 0, "maximum": meta.LONGEST_GAP_MS},
}


def _unset(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Null is a rule that is not there."""
    return {name: {"anyOf": [rule, {"type": "null"}]} for name, rule in rules.items()}


def _per_channel(rules: Mapping[str, Any]) -> dict[str, Any]:
    own = {"type": ["object", "null"], "properties": _unset(rules), "additionalProperties": False}
    return {"type": "object", "properties": dict.fromkeys(Channel.values, own), "additionalProperties": False}


_OWN_GAP = {"type": "integer", "minimum": 0, "maximum": meta.LONGEST_OWN_GAP_MS}
_OF_SEQUENCE = _RULES | {"delayBetweenChannels": _OWN_GAP}


@extend_schema_field(_per_channel(_RULES))
class PerChannelField(ObjectField):
    """Narrower rules of single channels; `campaigns.meta` says what is taken."""


@extend_schema_field(
    {
        "type": "object",
        "properties": _unset(_OF_SEQUENCE | {"perChannel": _per_channel(_OF_SEQUENCE)}),
        "additionalProperties": False,
    }
)
class ContactRulesField(ObjectField):
    """How a sequence narrows the contact policy; `campaigns.meta` says what is taken."""


class PolicySerializer(WireSerializer):
    """The organisation's rules, in each lead's own time; campaigns and sequences may only narrow them."""

    contact_hours_start = ClockField(max_length=5, required=False)
    contact_hours_end = ClockField(max_length=5, required=False, help_text="Up to 24:00.")
    contact_days = serializers.ListField(
        child=serializers.ChoiceField(choices=DAYS), required=False, min_length=1, max_length=len(DAYS)
    )
    max_contacts_per_day = serializers.IntegerField(required=False, min_value=1, max_value=meta.MOST_CONTACTS)
    delay_between_channels = serializers.IntegerField(
        required=False, min_value=0, max_value=meta.LONGEST_GAP_MS, help_text="Milliseconds."
    )
    late_after_hours = serializers.IntegerField(required=False, min_value=1, max_value=meta.MOST_HOURS)
    holidays = serializers.ListField(child=DayField(max_length=10), required=False, max_length=meta.MOST_HOLIDAYS)
    per_channel = PerChannelField(
        required=False,
        help_text="What is narrower for a channel. Its cap counts that channel's contacts, its gap those of any.",
    )


class PolicyView(WireView):
    """What holds for every contact; PUT replaces what it names and leaves the rest."""

    roles = {"put": Role.ADMIN}

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request) -> Response:
        return Response(PolicySerializer(ContactPolicy.load()).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def put(self, request: Request) -> Response:
        given = PolicySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(PolicySerializer(policies.change(given.validated_data, self.actor)).data)


class PauseSerializer(WireSerializer):
    """What is stopped now: everything, channels, providers."""

    all = serializers.BooleanField(required=False, default=False)
    channels = serializers.ListField(child=serializers.ChoiceField(choices=Channel.choices), required=False)
    providers = serializers.ListField(child=serializers.ChoiceField(choices=list(settings.PROVIDERS)), required=False)


class PauseView(WireView):
    """What is stopped. PUT makes exactly what it says stand, and lets everything else go on."""

    @extend_schema(responses=PauseSerializer)
    def get(self, request: Request) -> Response:
        return Response(PauseSerializer(sending.standing()).data)

    @extend_schema(request=PauseSerializer, responses=PauseSerializer)
    def put(self, request: Request) -> Response:
        given = PauseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(PauseSerializer(sending.set_standing(Standing(**given.validated_data), self.actor)).data)


class ReasonSerializer(WireSerializer):
    code = serializers.CharField()
    sentence = serializers.CharField()
    effect = serializers.ChoiceField(choices=["hold", "skip", "stop", "fail"])


_Reasons = inline_serializer("Reasons", {"data": ReasonSerializer(many=True), "total": serializers.IntegerField()})


class ReasonsView(WireView):
    """Every reason why a contact is held, skipped, stopped or failed."""

    @extend_schema(responses=_Reasons)
    def get(self, request: Request) -> Response:
        rows: list[dict[str, Any]] = [
            {"code": one.value, "sentence": one.sentence, "effect": one.effect.value} for one in Reason
        ]
        return Response({"data": rows, "total": len(rows)})
