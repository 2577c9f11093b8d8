"""/sequences/{id}/draft, /publish, /versions: live edits of the steps."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.models import Script
from retention_center.api.problems import Conflict
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireGenericViewSet
from retention_center.lib import clock
from sequences import changing, drafting, versions
from sequences.api.refusals import refused_steps
from sequences.api.serializers import StepSerializer
from sequences.changing import MOST_STEPS
from sequences.drafting import KeptDraft
from sequences.impact import Impact, impact_of
from sequences.models import RetentionSequence, SequenceVersion
from sequences.specs import StepSpec, as_steps, spec_of


class DraftStepSerializer(StepSerializer):
    """A step of a draft: it has a key already, and no id before it is published."""

    class Meta(StepSerializer.Meta):
        fields = tuple(name for name in StepSerializer.Meta.fields if name != "id")
        read_only_fields = ("step_order",)


class StepMoveSerializer(WireSerializer):
    """``count`` people who wait at one step; ``toKey`` is empty where nothing is left and they complete."""

    count = serializers.IntegerField()
    from_key = serializers.CharField()
    to_key = serializers.CharField(allow_blank=True)
    said = serializers.CharField()


class ImpactSerializer(WireSerializer):
    """What publishing would do. Moved: ``keep`` go on as they are, ``changes`` befall the others; ``pinned`` if not."""

    people = serializers.IntegerField()
    keep = serializers.IntegerField()
    in_flight = serializers.IntegerField()
    changes = StepMoveSerializer(many=True)
    pinned = serializers.CharField(allow_blank=True)


class DraftSerializer(WireSerializer):
    """``version`` is the live version the draft began from; ``draftedAt`` is null while the live steps are shown."""

    version = serializers.IntegerField(
        required=False, min_value=0, help_text="If it is given and not the live one any more: 409."
    )
    drafted_at = serializers.DateTimeField(read_only=True, allow_null=True)
    drafted_by = serializers.CharField(read_only=True, allow_blank=True)
    steps = DraftStepSerializer(many=True, max_length=MOST_STEPS)  # type: ignore[call-arg]
    impact = ImpactSerializer(read_only=True)


class PublishSerializer(WireSerializer):
    """``version``: publish the steps of this older version once more (roll back); without it, the draft."""

    mode = serializers.ChoiceField(choices=SequenceVersion.Mode.choices, default=SequenceVersion.Mode.MOVE)
    version = serializers.IntegerField(required=False, min_value=1)


class VersionSerializer(WireSerializer):
    """``people`` follow it now; ``rolledBackTo`` is the older version whose steps it repeats."""

    version = serializers.IntegerField(source="row.version")
    is_live = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=SequenceVersion.Mode.choices, source="row.mode")
    published_at = serializers.DateTimeField(source="row.published_at")
    published_by = serializers.CharField(source="row.published_by")
    rolled_back_to = serializers.IntegerField(source="row.rolled_back_to", allow_null=True)
    people = serializers.IntegerField()
    changes = serializers.ListField(child=serializers.CharField(), help_text="Against the version before it.")
    steps = StepSerializer(many=True)


class DraftViewSet(WireGenericViewSet):
    """The draft of a sequence's steps, and publishing it."""

    queryset = RetentionSequence.objects.all()
    serializer_class = DraftSerializer
    lookup_field = "pk"
    lookup_url_kwarg = "id"

    @extend_schema(responses=DraftSerializer, filters=False)
    def draft(self, request: Request, **kwargs: Any) -> Response:
        """The draft with its impact; the live steps where there is none."""
        sequence = self.get_object()
        return Response(_as_wire(sequence, drafting.kept(sequence)))

    @extend_schema(request=DraftSerializer, responses=DraftSerializer)
    def put_draft(self, request: Request, **kwargs: Any) -> Response:
        """Keep these steps as the draft, in place of the one before. Nobody in the sequence notices."""
        sequence = self.get_object()
        given = DraftSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        specs = [StepSerializer().as_spec(step) for step in given.validated_data["steps"]]
        began_from = given.validated_data.get("version")
        with refused_steps():
            draft = drafting.keep(sequence, specs, began_from=began_from, now=clock.now(), actor=self.actor)
        return Response(_as_wire(sequence, draft))

    @extend_schema(responses={204: None})
    def discard(self, request: Request, **kwargs: Any) -> Response:
        """Forget the draft; what it held stays in the audit."""
        drafting.discard(self.get_object(), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=PublishSerializer, responses=VersionSerializer)
    def publish(self, request: Request, **kwargs: Any) -> Response:
        """Make the draft, or an older version's steps, the live version; people move to it or are pinned."""
        sequence = self.get_object()
        given = PublishSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        mode, older = given.validated_data["mode"], given.validated_data.get("version")
        with refused_steps():
            if older is not None:
                changing.roll_back(sequence, older, mode=mode, seen=None, now=clock.now(), actor=self.actor)
            elif sequence.draft is None:
                told = f"{sequence} has no draft; there is nothing to publish."
                raise Conflict(told, code="nothing_to_publish")
            else:
                drafting.publish(sequence, mode=mode, now=clock.now(), actor=self.actor)
        (live,) = versions.told(sequence, list(versions.of(sequence)[:1]))
        return Response(VersionSerializer(live).data)


class VersionViewSet(mixins.ListModelMixin, WireGenericViewSet):
    """The versions of a sequence's steps, newest first."""

    queryset = SequenceVersion.objects.all()
    serializer_class = VersionSerializer
    sort_fields = ("version", "publishedAt")
    default_sort = "-version"

    def get_queryset(self) -> QuerySet[SequenceVersion]:
        if "id" not in self.kwargs:  # the schema is being drawn
            return SequenceVersion.objects.none()
        return versions.of(get_object_or_404(RetentionSequence, pk=self.kwargs["id"]))

    def paginate_queryset(self, queryset: Any) -> Any:
        page = super().paginate_queryset(queryset)
        return versions.told(get_object_or_404(RetentionSequence, pk=self.kwargs["id"]), page or [])


def _as_wire(sequence: RetentionSequence, draft: KeptDraft | None) -> dict[str, Any]:
    specs: list[StepSpec] = draft.specs if draft else [spec_of(step) for step in sequence.live_steps()]
    scripts = Script.objects.in_bulk([spec.script_id for spec in specs if spec.script_id])
    impact: Impact = impact_of(sequence, specs, scripts)
    body = {
        "version": draft.began_from if draft else sequence.version,
        "drafted_at": draft.kept_at if draft else None,
        "drafted_by": draft.kept_by if draft else "",
        "steps": as_steps(sequence, specs, sequence.version + 1),
        "impact": impact,
    }
    return dict(DraftSerializer(body).data)
