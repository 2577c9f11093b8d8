"""The ground's own rows on the wire: jobs, keys, audit."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center import audit, jobs
from retention_center.api.problems import Conflict
from retention_center.api.serializers import WireModelSerializer
from retention_center.api.views import WireGenericViewSet, WireReadOnlyViewSet
from retention_center.audit_filters import AuditFilters
from retention_center.auth import keys
from retention_center.models import ApiKey, AuditEvent, Job, Role


class JobSerializer(WireModelSerializer):
    class Meta:
        model = Job
        fields = (
            "id",
            "kind",
            "status",
            "done",
            "total",
            "result",
            "error",
            "stop_requested",
            "created_at",
            "started_at",
            "finished_at",
        )
        read_only_fields = fields


class JobViewSet(mixins.RetrieveModelMixin, WireGenericViewSet):
    """Long work, by the ``jobId`` of its 202."""

    queryset = Job.objects.all()
    serializer_class = JobSerializer

    @extend_schema(request=None, responses={200: JobSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, **kwargs: Any) -> Response:
        """Ask the job to stop after its present slice; what is done stays done."""
        job = self.get_object()
        if not jobs.request_stop(job):
            raise Conflict(f"The job has already ended: it is {job.status}.", code="job_ended")
        audit.record(self.actor, "stop", job)
        return Response(self.get_serializer(job).data)


class ApiKeySerializer(WireModelSerializer):
    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "role", "expires_at", "last_used_at", "revoked_at", "created_at")
        read_only_fields = ("id", "prefix", "last_used_at", "revoked_at", "created_at")
        extra_kwargs = {"role": {"required": True}}

    def validate_expires_at(self, value: Any) -> Any:
        keys.require_future(value)
        return value


class NewApiKeySerializer(ApiKeySerializer):
    """With the key itself, shown this once."""

    key = serializers.CharField(read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")


class ApiKeyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, WireGenericViewSet):
    """Keys of other systems. To change a key, make another, let both work, then revoke the old one."""

    roles = dict.fromkeys(("list", "retrieve", "create", "destroy"), Role.ADMIN)
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeySerializer
    sort_fields = ("createdAt", "name", "lastUsedAt")

    @extend_schema(request=ApiKeySerializer, responses={201: NewApiKeySerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        given = self.get_serializer(data=request.data)
        given.is_valid(raise_exception=True)
        key, text = keys.create(actor=self.actor, **given.validated_data)
        shown = ApiKeySerializer(key).data | {"key": text}
        return Response(shown, status=HTTPStatus.CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Revoke: the key is refused from the next request on."""
        keys.revoke(self.get_object(), actor=self.actor)
        return Response(status=HTTPStatus.NO_CONTENT)


class AuditEventSerializer(WireModelSerializer):
    class Meta:
        model = AuditEvent
        fields = (
            "id",
            "at",
            "actor_id",
            "actor_name",
            "via",
            "action",
            "object_type",
            "object_id",
            "object_label",
            "before",
            "after",
            "request_id",
        )
        read_only_fields = fields


class AuditViewSet(WireReadOnlyViewSet):
    """Who changed what, newest first."""

    roles = dict.fromkeys(("list", "retrieve"), Role.ADMIN)
    queryset = AuditEvent.objects.all()
    serializer_class = AuditEventSerializer
    filterset_class = AuditFilters
    sort_fields = ("at",)
    default_sort = "-at"
