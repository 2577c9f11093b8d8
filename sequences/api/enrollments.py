"""Who is in a sequence: listed, enrolled, paused, resumed, cancelled."""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api.problems import Conflict
from retention_center.api.views import WireGenericViewSet
from retention_center.lib import clock
from sequences import enrolling
from sequences.api.serializers import (
    EnrolledSerializer,
    EnrollmentDetailSerializer,
    EnrollmentMoveSerializer,
    EnrollmentSerializer,
    ToEnrollSerializer,
)
from sequences.enrolling import CannotEnroll
from sequences.filters import EnrollmentFilters
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution

STATUS = SequenceEnrollment.Status
SORTS = ("enrolledAt", "status", "completedAt", "lastStepAt")


class SequenceEnrollmentViewSet(mixins.ListModelMixin, WireGenericViewSet):
    """The enrollments of one sequence, one per lead that ever entered."""

    queryset = SequenceEnrollment.objects.all()
    serializer_class = EnrollmentSerializer
    filterset_class = EnrollmentFilters
    sort_fields = SORTS
    default_sort = "-enrolledAt"

    def get_queryset(self) -> QuerySet[SequenceEnrollment]:
        if "id" not in self.kwargs:  # the schema is being drawn
            return SequenceEnrollment.objects.none()
        return SequenceEnrollment.objects.filter(sequence=self._sequence).select_related("lead")

    @property
    def _sequence(self) -> RetentionSequence:
        return get_object_or_404(RetentionSequence, pk=self.kwargs["id"])

    @extend_schema(request=ToEnrollSerializer, responses={200: EnrolledSerializer})
    def enroll(self, request: Request, **kwargs: Any) -> Response:
        """Let leads enter; who is in already or may not be contacted is skipped with the reason."""
        sequence = self._sequence
        given = ToEnrollSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            result = enrolling.enroll(
                sequence,
                given.validated_data["lead_ids"],
                now=clock.now(),
                source=SequenceEnrollment.Source.API,
                actor=self.actor,
            )
        except CannotEnroll as refusal:
            raise Conflict(str(refusal), code="cannot_enroll") from refusal
        skipped = [{"lead_id": lead_id, "reason": reason} for lead_id, reason in result.skipped]
        return Response(EnrolledSerializer({"enrolled": result.enrolled, "skipped": skipped}).data)


@extend_schema_view(retrieve=extend_schema(responses=EnrollmentDetailSerializer))
class EnrollmentViewSet(mixins.RetrieveModelMixin, WireGenericViewSet):
    """One lead's way through one sequence."""

    queryset = SequenceEnrollment.objects.all()
    serializer_class = EnrollmentDetailSerializer

    def get_queryset(self) -> QuerySet[SequenceEnrollment]:
        executions = SequenceStepExecution.objects.select_related("step").order_by("run_no", "scheduled_at", "pk")
        return SequenceEnrollment.objects.select_related("lead", "sequence").prefetch_related(
            Prefetch("executions", queryset=executions)
        )

    @extend_schema(request=EnrollmentMoveSerializer, responses=EnrollmentDetailSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Pause, go on or cancel; other moves answer 409. Who has left enters again by being enrolled."""
        enrollment = self.get_object()
        given = EnrollmentMoveSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        match given.validated_data["status"]:
            case STATUS.PAUSED:
                enrolling.pause(enrollment, actor=self.actor)
            case STATUS.ACTIVE:
                enrolling.resume(enrollment, actor=self.actor)
            case STATUS.CANCELLED:
                enrolling.cancel(enrollment, now=clock.now(), actor=self.actor)
        return Response(self._as_it_stands(enrollment.pk))

    def _as_it_stands(self, pk: str) -> Any:
        serializer: serializers.BaseSerializer = self.get_serializer(self.get_queryset().get(pk=pk))
        return serializer.data
