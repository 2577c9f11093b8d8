"""Addresses that fail in every way, for tests of the API's answers."""

from django.urls import include, path
from rest_framework import serializers
from rest_framework.response import Response

from retention_center.api.parsers import WireMultiPartParser
from retention_center.api.problems import Conflict, Invalid
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib.states import RefusedTransition
from retention_center.models import AuditEvent, Job


class StepSerializer(WireSerializer):
    step_order = serializers.IntegerField(min_value=0, max_value=100)
    channel = serializers.ChoiceField(choices=["EMAIL", "SMS"])


class PlanSerializer(WireSerializer):
    first_name = serializers.CharField(max_length=20)
    steps = StepSerializer(many=True, required=False)

    def validate_first_name(self, value: str) -> str:
        if value == "Nobody":
            raise serializers.ValidationError("Nobody is no name.", code="nobody")
        return value


class Odd(WireView):
    """Fails as its query says; POST creates an audit row and tells how many there are."""

    def get(self, request):
        match request.query_params.get("fail"):
            case "crash":
                raise RuntimeError("secret detail")
            case "moved":
                Job(status="DONE").move_to("RUNNING")
            case "refused":
                raise RefusedTransition("Too late.", ("PAUSED",))
            case "conflict":
                raise Conflict("The phone belongs to lead 7.", code="phone_taken", lead_id="7")
            case "invalid":
                raise Invalid("phone", "This is no phone number.", code="bad_phone")
        return Response({"fine": True})

    def post(self, request):
        plan = PlanSerializer(data=request.data)
        plan.is_valid(raise_exception=True)
        if plan.validated_data["first_name"] == "Crash":
            raise RuntimeError("secret detail")
        AuditEvent.objects.create(actor_name="Ada", via="api", action="odd", object_type="odd")
        made = AuditEvent.objects.filter(action="odd").count()
        return Response({"made": made, "firstName": plan.validated_data["first_name"]}, status=201)


class Upload(WireView):
    parser_classes = [WireMultiPartParser]

    def post(self, request):
        AuditEvent.objects.create(actor_name="Ada", via="api", action="odd", object_type="odd")
        return Response({"size": request.FILES["file"].size, "note": request.data["note"]}, status=201)


urlpatterns = [
    path("api/odd", Odd.as_view()),
    path("api/upload", Upload.as_view()),
    path("", include("retention_center.urls")),
]
