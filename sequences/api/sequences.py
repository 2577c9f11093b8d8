"""/sequences: made, changed, moved, deleted; their steps and figures."""

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api.problems import Conflict, Invalid
from retention_center.api.views import WireViewSet
from retention_center.lib import clock
from sequences import changing, publishing, stats
from sequences.api.refusals import refused_steps
from sequences.api.serializers import (
    SequenceDetailSerializer,
    SequenceSerializer,
    SequenceStatsSerializer,
    StepSerializer,
    StepsSerializer,
)
from sequences.changing import CannotActivate, CannotChange
from sequences.filters import SequenceFilters
from sequences.models import RetentionSequence


@extend_schema_view(
    retrieve=extend_schema(responses=SequenceDetailSerializer),
    create=extend_schema(responses={201: SequenceDetailSerializer}),
    partial_update=extend_schema(responses=SequenceDetailSerializer),
)
class SequenceViewSet(WireViewSet):
    """Sequences. The status moves by PATCH along DRAFT, ACTIVE, PAUSED, ARCHIVED; other moves answer 409."""

    queryset = RetentionSequence.objects.all()
    serializer_class = SequenceSerializer
    filterset_class = SequenceFilters
    sort_fields = ("createdAt", "updatedAt", "name", "status", "triggerType", "activatedAt")

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        return SequenceSerializer if self.action == "list" else SequenceDetailSerializer

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        values = dict(serializer.validated_data)
        values.pop("existing", None)
        if values.pop("status", "DRAFT") != RetentionSequence.Status.DRAFT:
            raise Invalid("status", "A new sequence is a draft; give it steps, then activate it by PATCH.")
        serializer.instance = changing.create(RetentionSequence(**values), self.actor)

    def perform_update(self, serializer: serializers.BaseSerializer) -> None:
        sequence: Any = serializer.instance
        values = dict(serializer.validated_data)
        status = values.pop("status", sequence.status)
        takes_existing = values.pop("existing", "none") == "all"
        with transaction.atomic():
            changing.change(sequence, values, self.actor)
            if status != sequence.status:
                self._move(sequence, status, takes_existing)

    def _move(self, sequence: RetentionSequence, status: str, takes_existing: bool) -> None:
        try:
            changing.move(sequence, status, takes_existing=takes_existing, now=clock.now(), actor=self.actor)
        except CannotActivate as refusal:
            blocking = publishing.checklist(sequence).blocking
            errors = [{"field": "steps", "code": "cannot_activate", "message": said} for said in blocking]
            raise Conflict(
                str(refusal), code="cannot_activate", errors=errors, allowed=list(sequence.allowed_moves())
            ) from refusal

    def perform_destroy(self, instance: RetentionSequence) -> None:
        try:
            changing.delete(instance, self.actor)
        except CannotChange as refusal:
            raise Conflict(str(refusal), code="has_history") from refusal

    @extend_schema(responses=StepsSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def steps(self, request: Request, **kwargs: Any) -> Response:
        """The live version's steps, switched off ones too, in order."""
        return self._steps(self.get_object())

    @extend_schema(request=StepsSerializer, responses=StepsSerializer, filters=False)
    @steps.mapping.put
    def put_steps(self, request: Request, **kwargs: Any) -> Response:
        """Replace all steps by a new version; everybody goes on at the step with the same key, else the next one."""
        sequence = self.get_object()
        given = StepsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        as_spec = StepSerializer().as_spec
        specs = [as_spec(step) for step in given.validated_data["steps"]]
        with refused_steps():
            changing.replace_steps(sequence, specs, now=clock.now(), actor=self.actor)
        return self._steps(sequence)

    def _steps(self, sequence: RetentionSequence) -> Response:
        body = {"version": sequence.version, "steps": sequence.live_steps()}
        return Response(StepsSerializer(body).data)

    @extend_schema(responses=SequenceStatsSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def stats(self, request: Request, **kwargs: Any) -> Response:
        """By enrollment status, and the funnel of each live step."""
        sequence = self.get_object()
        figures = stats.of_sequence(sequence, clock.now())
        steps = [
            {"step_key": one.step.key, "step_order": one.step.step_order, "channel": one.step.channel}
            | asdict(one.funnel)
            for one in stats.by_step(sequence.live_steps(), figures.funnels)
        ]
        answer = {"total": figures.entered, "by_status": figures.by_status, "steps": steps}
        return Response(SequenceStatsSerializer(answer).data)

    def get_queryset(self) -> QuerySet[RetentionSequence]:
        return RetentionSequence.objects.all()
