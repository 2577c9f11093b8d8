"""Rows of sequences on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns.api.rules import ContactRulesField
from retention_center.api.fields import ObjectField
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.lib.channels import Channel
from sequences.changing import MOST_STEPS
from sequences.conditions import MOST_CONDITIONS, OPS
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.specs import StepSpec
from sequences.trigger_config import LONGEST_RE_ENTRY, MOST_ENTRANTS, BadTriggerConfig, checked

MOST_LEADS = 5_000  # ids in one request
LONGEST_DELAY = 3_650


class SequenceSerializer(WireModelSerializer):
    """``status`` moves by PATCH; ``existing`` goes with ACTIVE and says whether those who match already enter."""

    trigger_config = ObjectField(required=False)
    contact_rules = ContactRulesField(
        required=False, help_text="How it narrows the contact policy; a gap of at most a week."
    )
    re_entry_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=LONGEST_RE_ENTRY, help_text="With reEntry after_days."
    )
    entrants_per_day = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_ENTRANTS,
        help_text="How many its trigger takes in a day; the others enter on the days after. Null: any number.",
    )
    description = serializers.CharField(required=False, allow_blank=True, max_length=5_000)
    existing = serializers.ChoiceField(
        choices=["none", "all"], required=False, write_only=True, help_text="With status ACTIVE; default none."
    )

    class Meta:
        model = RetentionSequence
        fields = (
            "id",
            "name",
            "description",
            "status",
            "channels",
            "trigger_type",
            "trigger_config",
            "re_entry",
            "re_entry_days",
            "entrants_per_day",
            "stop_on_reply",
            "contact_rules",
            "version",
            "existing",
            "activated_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "channels", "version", "activated_at", "created_at", "updated_at")

    def validate_trigger_config(self, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return checked(value)
        except BadTriggerConfig as bad:
            raise serializers.ValidationError([f"{key}: {said}" for key, said in bad.errors]) from bad


@extend_schema_field(
    {
        "type": "object",
        "required": ["field", "op"],
        "properties": {
            "field": {
                "type": "string",
                "description": "status or source of the lead, meta.<name>, converted, or step.<key>.result:"
                " what came of an earlier step of this version in the same run.",
                "examples": ["status", "meta.plan", "step.welcome.result", "converted"],
            },
            "op": {"type": "string", "enum": list(OPS)},
            "value": {
                "description": "With in: a list. With exists: true (may be left out) or false."
                " For status one of its codes; for converted true or false;"
                " for a result sent, delivered, replied, clicked or failed."
            },
        },
    }
)
class ConditionField(ObjectField):
    """One condition; `sequences.conditions` says what is taken."""


class StepSerializer(WireModelSerializer):
    script_id = serializers.CharField(allow_null=True, required=False, allow_blank=True, max_length=40)
    key = serializers.CharField(required=False, allow_blank=True, max_length=40)
    delay_value = serializers.IntegerField(min_value=0, max_value=LONGEST_DELAY)
    delay_unit = serializers.ChoiceField(choices=SequenceStep.DelayUnit.choices)
    conditions = serializers.ListField(
        child=ConditionField(),
        required=False,
        max_length=MOST_CONDITIONS,
        help_text="All must hold when the step is due, or it is skipped with reason condition_not_met.",
    )
    is_active = serializers.BooleanField(required=False, default=True)

    class Meta:
        model = SequenceStep
        fields = (
            "id",
            "key",
            "step_order",
            "channel",
            "script_id",
            "delay_value",
            "delay_unit",
            "conditions",
            "is_active",
            "on_failure",
        )
        read_only_fields = ("id", "step_order")

    def as_spec(self, values: dict[str, Any]) -> StepSpec:
        return StepSpec(
            channel=values["channel"],
            script_id=values.get("script_id") or None,
            delay_value=values["delay_value"],
            delay_unit=values["delay_unit"],
            key=values.get("key", ""),
            is_active=values["is_active"],
            on_failure=values.get("on_failure", SequenceStep.OnFailure.SKIP),
            conditions=values.get("conditions", []),
        )


class StepsSerializer(WireSerializer):
    """All steps in order; PUT replaces them and moves everybody to the new version."""

    version = serializers.IntegerField(read_only=True)
    steps = StepSerializer(many=True, max_length=MOST_STEPS)  # type: ignore[call-arg]


class SequenceDetailSerializer(SequenceSerializer):
    """With its live steps, and how many enrollments there are by status."""

    steps = serializers.SerializerMethodField()
    enrollments = serializers.SerializerMethodField()

    class Meta(SequenceSerializer.Meta):
        fields = (*SequenceSerializer.Meta.fields, "steps", "enrollments")

    def get_steps(self, sequence: RetentionSequence) -> list[dict[str, Any]]:
        return list(StepSerializer(sequence.live_steps(), many=True).data)

    def get_enrollments(self, sequence: RetentionSequence) -> dict[str, int]:
        return sequence.enrollments.by_status()


class EnrollmentSerializer(WireModelSerializer):
    """``currentStep`` counts the steps of this run that are done; ``runNo`` the times the lead has entered."""

    lead_name = serializers.CharField(source="lead.name", read_only=True)

    class Meta:
        model = SequenceEnrollment
        fields = (
            "id",
            "sequence_id",
            "lead_id",
            "lead_name",
            "status",
            "run_no",
            "version",
            "current_step",
            "source",
            "reason",
            "enrolled_at",
            "completed_at",
            "last_step_at",
            "meta",
        )
        read_only_fields = fields


class ExecutionSerializer(WireModelSerializer):
    """``reason`` is why it ended as it did or, while it waits, why it is held; ``why`` says it in a sentence."""

    step_order = serializers.IntegerField(source="step.step_order")
    channel = serializers.ChoiceField(choices=Channel.choices, source="step.channel")
    reason = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField()
    attempt_id = serializers.CharField(source="contact_attempt_id", allow_null=True)

    class Meta:
        model = SequenceStepExecution
        fields = (
            "id",
            "run_no",
            "step_key",
            "step_order",
            "channel",
            "status",
            "scheduled_at",
            "executed_at",
            "held_until",
            "reason",
            "why",
            "try_no",
            "attempt_id",
        )
        read_only_fields = fields

    def get_reason(self, execution: SequenceStepExecution) -> str:
        return execution.reason or execution.held_reason

    def get_why(self, execution: SequenceStepExecution) -> str:
        return execution.why


class EnrollmentDetailSerializer(EnrollmentSerializer):
    """With the steps of every run, in the order they were planned."""

    executions = ExecutionSerializer(many=True, read_only=True)

    class Meta(EnrollmentSerializer.Meta):
        fields = (*EnrollmentSerializer.Meta.fields, "executions")
        read_only_fields = fields


class EnrollmentMoveSerializer(WireSerializer):
    status = serializers.ChoiceField(choices=["PAUSED", "ACTIVE", "CANCELLED"])


class ToEnrollSerializer(WireSerializer):
    lead_ids = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, max_length=MOST_LEADS
    )


class SkippedSerializer(WireSerializer):
    lead_id = serializers.CharField()
    reason = serializers.CharField(help_text="already_enrolled, unknown_lead, or a code of /reasons.")


class EnrolledSerializer(WireSerializer):
    enrolled = serializers.IntegerField()
    skipped = SkippedSerializer(many=True)


class StepStatsSerializer(WireSerializer):
    """``due``: its time has come; ``converted``: this was the last step sent before the conversion."""

    step_key = serializers.CharField()
    step_order = serializers.IntegerField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    due = serializers.IntegerField()
    sent = serializers.IntegerField()
    delivered = serializers.IntegerField()
    replied = serializers.IntegerField()
    converted = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    waiting = serializers.IntegerField()
    held = serializers.IntegerField()


class SequenceStatsSerializer(WireSerializer):
    """Everybody who ever entered, by where they are; and the funnel of each live step."""

    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    steps = StepStatsSerializer(many=True)


class RoundSerializer(WireSerializer):
    """What one round of the processor did: the counts of the command ``process_sequences``."""

    due = serializers.IntegerField()
    sent = serializers.IntegerField()
    failed = serializers.IntegerField()
    retried = serializers.IntegerField()
    skipped = serializers.IntegerField()
    held = serializers.IntegerField()
    unknown = serializers.IntegerField()
    completed = serializers.IntegerField()
    enrolled = serializers.IntegerField()
    seconds = serializers.FloatField()
