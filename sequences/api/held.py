"""/held and /held/release: what waits for staff, and what they decide about it."""

from http import HTTPStatus
from math import isfinite
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.held import Choice, Group, HeldElsewhere, How
from retention_center.api.serializers import WireSerializer
from retention_center.api.text import SENTENCE, is_storable
from retention_center.api.views import WireView
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from sequences import catching_up, waiting

MOST_IDS = 5_000
IDS_SHOWN = 200
WORDS = {"type": "array", "items": {"type": "string", "maxLength": 60}, "maxItems": 200}


@extend_schema_field({"oneOf": [{"type": "string", "maxLength": 60}, WORDS]})
class WordsField(serializers.Field):
    """One word, or a list of them; what is not there matches nothing."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        words = [data] if isinstance(data, str) else data
        is_list = isinstance(words, list) and len(words) <= WORDS["maxItems"]  # type: ignore[operator]
        if not is_list or not all(isinstance(word, str) and len(word) <= 60 for word in words):
            raise serializers.ValidationError("Give a word, or a list of at most 200.")
        if not all(map(is_storable, words)):
            raise serializers.ValidationError(SENTENCE)
        if not words:
            raise serializers.ValidationError("Name at least one, or leave this out.")
        return tuple(words)

    def to_representation(self, value: tuple[str, ...]) -> list[str]:
        return list(value)


class HeldFilterSerializer(WireSerializer):
    """All that is given must match; an empty filter is everything that waits for staff."""

    sequence_id = WordsField(required=False)
    campaign_id = WordsField(required=False)
    reason = WordsField(required=False)
    channel = WordsField(required=False)
    lead_id = WordsField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        # A filter misspelt must not release everybody
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            names = ", ".join(self.fields)
            raise serializers.ValidationError({unknown[0][:60]: [f"There is no such filter; there are {names}."]})
        return super().to_internal_value(data)


class ReleaseSerializer(WireSerializer):
    """``ids`` of executions and of places in campaigns, or a ``filter``; what is done with them.

    ``hours`` is over how many hours to ``spread`` them.
    """

    ids = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, allow_empty=False, max_length=MOST_IDS
    )
    filter = HeldFilterSerializer(required=False)
    how = serializers.ChoiceField(choices=[str(how) for how in How])
    hours = serializers.FloatField(required=False, min_value=0, max_value=catching_up.MOST_HOURS, default=4.0)

    def validate_hours(self, value: float) -> float:
        if not isfinite(value):
            raise serializers.ValidationError("Give a number of hours.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("ids" in attrs) == ("filter" in attrs):
            raise serializers.ValidationError({"ids": ["Give either ids or a filter; {} is all that waits."]})
        return attrs


class HeldCauseSerializer(WireSerializer):
    reason = serializers.CharField()
    sentence = serializers.CharField()
    count = serializers.IntegerField()


class HeldElsewhereSerializer(HeldCauseSerializer):
    """Held, but not for staff: goes on by itself once the cause ends."""

    sequence_id = serializers.CharField(allow_null=True)
    sequence_name = serializers.CharField(allow_null=True)
    campaign_id = serializers.CharField(allow_null=True)
    campaign_name = serializers.CharField(allow_null=True)


class HeldGroupSerializer(WireSerializer):
    """What waits in one sequence, or in one campaign, for one reason.

    ``lookedAt`` were judged as the processor would judge them now: ``stillRight`` would leave (or wait for a window),
    ``noLongerRight`` would not. ``ids`` are the longest waiting, at most 200.
    """

    sequence_id = serializers.CharField(allow_null=True)
    sequence_name = serializers.CharField(allow_null=True)
    sequence_status = serializers.CharField(allow_null=True)
    campaign_id = serializers.CharField(allow_null=True)
    campaign_name = serializers.CharField(allow_null=True)
    campaign_status = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    sentence = serializers.CharField()
    count = serializers.IntegerField()
    by_channel = serializers.DictField(child=serializers.IntegerField(), help_text=", ".join(Channel.values))
    oldest = serializers.DateTimeField(allow_null=True, help_text="The earliest time that one was planned for.")
    looked_at = serializers.IntegerField()
    still_right = serializers.IntegerField()
    no_longer_right = HeldCauseSerializer(many=True)
    ids = serializers.ListField(child=serializers.CharField())


class HeldSerializer(WireSerializer):
    """By sequence or campaign and by reason, most first; ``elsewhere`` is what does not wait for staff."""

    data = HeldGroupSerializer(many=True)
    total = serializers.IntegerField()
    elsewhere = HeldElsewhereSerializer(many=True)


class ReleasedSerializer(WireSerializer):
    """``changed`` were released, moved or skipped; of the skipped, ``completed`` runs had no step left."""

    changed = serializers.IntegerField()
    completed = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    left_out = serializers.DictField(child=serializers.IntegerField(), help_text="no_longer_waiting, no_window")


class JobStartedSerializer(WireSerializer):
    """Long work: GET /jobs/{jobId} tells how far it is."""

    job_id = serializers.CharField()


class HeldView(WireView):
    """What waits for staff to decide."""

    @extend_schema(responses=HeldSerializer)
    def get(self, request: Request) -> Response:
        groups = waiting.survey(clock.now())
        answer = {
            "data": [_told(group) for group in groups],
            "total": sum(group.waiting for group in groups),
            "elsewhere": [_told_elsewhere(one) for one in waiting.held_elsewhere()],
        }
        return Response(HeldSerializer(answer).data)


class HeldReleaseView(WireView):
    """Decide about what waits: every rule is asked again before anything leaves."""

    @extend_schema(request=ReleaseSerializer, responses={200: ReleasedSerializer, 202: JobStartedSerializer})
    def post(self, request: Request) -> Response:
        """Spread them over some hours, move each to its lead's next contact hours, or skip them.

        What does not wait any more is left out. More than 200 are a job: 202 with ``jobId``.
        """
        given = ReleaseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        released, job = catching_up.release(
            _choice(values), How(values["how"]), hours=values["hours"], now=clock.now(), actor=self.actor
        )
        if job is not None:
            return Response(JobStartedSerializer({"job_id": job.pk}).data, HTTPStatus.ACCEPTED)
        return Response(ReleasedSerializer(released).data)


def _choice(values: dict[str, Any]) -> Choice:
    if "ids" in values:
        return Choice(ids=tuple(values["ids"]))
    chosen = values["filter"]
    names = {
        "sequence_id": "sequences",
        "campaign_id": "campaigns",
        "reason": "reasons",
        "channel": "channels",
        "lead_id": "leads",
    }
    return Choice(**{names[name]: words for name, words in chosen.items()})


def _owner(one: Group | HeldElsewhere) -> dict[str, str | None]:
    """Whose it is: the names of the other kind are null."""
    kind, other = ("campaign", "sequence") if one.is_campaign else ("sequence", "campaign")
    told = {"id": one.owner.pk, "name": one.owner.name, "status": one.owner.status}
    return {f"{kind}_{name}": value for name, value in told.items()} | {f"{other}_{name}": None for name in told}


def _told(group: Group) -> dict[str, Any]:
    return {
        **_owner(group),
        "reason": group.reason,
        "sentence": group.sentence,
        "count": group.waiting,
        "by_channel": dict(group.by_channel),
        "oldest": group.oldest,
        "looked_at": group.looked_at,
        "still_right": group.still_right,
        "no_longer_right": [
            {"reason": code, "sentence": sentence, "count": count} for code, sentence, count in group.reasons
        ],
        "ids": group.ids[:IDS_SHOWN],
    }


def _told_elsewhere(one: HeldElsewhere) -> dict[str, Any]:
    return {
        **_owner(one),
        "reason": one.reason,
        "sentence": one.sentence,
        "count": one.count,
    }
