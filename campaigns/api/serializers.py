"""Rows of campaigns on the wire."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from campaigns import changing, scripting
from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import sentence_of
from leads.models import Lead
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.lib.channels import Channel

MOST_LEADS = 10_000  # ids in one request


class ScriptSerializer(WireModelSerializer):
    campaign_id = serializers.PrimaryKeyRelatedField(
        source="campaign", queryset=Campaign.objects.all(), allow_null=True, required=False
    )
    content = serializers.CharField(trim_whitespace=False, max_length=100_000)
    url = serializers.CharField(required=False, allow_blank=True, max_length=500)
    is_archived = serializers.BooleanField(required=False)

    class Meta:
        model = Script
        fields = (
            "id",
            "name",
            "type",
            "subject",
            "content",
            "content_type",
            "url",
            "provider",
            "vapi_config",
            "campaign_id",
            "is_default",
            "is_archived",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def create(self, validated_data: dict[str, Any]) -> Script:
        is_archived = validated_data.pop("is_archived", False)
        with transaction.atomic():
            script = scripting.create(Script(**validated_data), self.context["view"].actor)
            return self._put_away(script, is_archived)

    def update(self, instance: Script, validated_data: dict[str, Any]) -> Script:
        is_archived = validated_data.pop("is_archived", None)
        with transaction.atomic():
            changed = scripting.change(instance, validated_data, self.context["view"].actor)
            return self._put_away(changed, is_archived)

    def _put_away(self, script: Script, is_archived: bool | None) -> Script:
        actor = self.context["view"].actor
        if is_archived and not script.is_archived:
            scripting.archive(script, actor)
        elif is_archived is False and script.is_archived:
            scripting.bring_back(script, actor)
        return script


class LeadBriefSerializer(WireModelSerializer):
    """Whom a row speaks of."""

    class Meta:
        model = Lead
        fields = ("id", "first_name", "last_name", "email", "phone", "source", "status")
        read_only_fields = fields


class CampaignLeadSerializer(WireModelSerializer):
    """``done``: channels, or scripts of the e-mail sequence, that are over; ``dueAt``: when the next is looked at."""

    lead = LeadBriefSerializer(read_only=True)

    class Meta:
        model = CampaignLead
        fields = (
            "id",
            "campaign_id",
            "lead_id",
            "status",
            "reason",
            "assigned_at",
            "completed_at",
            "done",
            "due_at",
            "held_reason",
            "held_until",
            "is_in_flight",
            "try_no",
            "failures",
            "last_error",
            "lead",
        )
        read_only_fields = fields


class CampaignSerializer(WireModelSerializer):
    status = serializers.ChoiceField(choices=Campaign.Status.choices, required=False)
    channels = serializers.ListField(child=serializers.ChoiceField(choices=Channel.choices), required=False)
    lead_count = serializers.SerializerMethodField()

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = (
            "id",
            "name",
            "description",
            "status",
            "channels",
            "meta",
            "start_date",
            "end_date",
            "lead_count",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def get_lead_count(self, campaign: Campaign) -> int:
        """How many leads are in it."""
        counted = getattr(campaign, "lead_count", None)
        return campaign.campaign_leads.count() if counted is None else counted

    def create(self, validated_data: dict[str, Any]) -> Campaign:
        status = validated_data.pop("status", Campaign.Status.DRAFT)
        with transaction.atomic():  # a refused move undoes the rest
            campaign = changing.create(Campaign(**validated_data), self.context["view"].actor)
            return self._move(campaign, status)

    def update(self, instance: Campaign, validated_data: dict[str, Any]) -> Campaign:
        status = validated_data.pop("status", instance.status)
        with transaction.atomic():
            return self._move(changing.change(instance, validated_data, self.context["view"].actor), status)

    def _move(self, campaign: Campaign, status: str) -> Campaign:
        if status != campaign.status:
            changing.move(campaign, status, self.context["view"].actor)
        return campaign


class CampaignCounts(WireSerializer):
    campaign_leads = serializers.IntegerField()
    scripts = serializers.IntegerField()
    contact_attempts = serializers.IntegerField()
    conversions = serializers.IntegerField()


class CampaignDetailSerializer(CampaignSerializer):
    """With its scripts and counts, and with ``?include=leads`` its newest 1,000 leads."""

    only_when_asked = ("leads",)
    scripts = ScriptSerializer(many=True, read_only=True)
    counts = serializers.SerializerMethodField()
    leads = serializers.SerializerMethodField()

    class Meta(CampaignSerializer.Meta):
        fields = (*CampaignSerializer.Meta.fields, "scripts", "counts", "leads")

    @extend_schema_field(CampaignCounts)
    def get_counts(self, campaign: Campaign) -> dict[str, int]:
        related = ("campaign_leads", "scripts", "contact_attempts", "conversions")
        return CampaignCounts({name: getattr(campaign, name).count() for name in related}).data

    @extend_schema_field(CampaignLeadSerializer(many=True, allow_null=True))
    def get_leads(self, campaign: Campaign) -> Any:
        asked = self.context["request"].query_params.get("include", "").split(",")
        if "leads" not in asked:
            return None
        rows = campaign.campaign_leads.select_related("lead")[:1000]
        return CampaignLeadSerializer(rows, many=True, context=self.context).data

    def to_representation(self, instance: Campaign) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if shown["leads"] is None:
            del shown["leads"]
        return shown


class LeadIdsSerializer(WireSerializer):
    """Which leads, each by its id."""

    lead_ids = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, min_length=1, max_length=MOST_LEADS
    )


class AttemptSerializer(WireModelSerializer):
    reason_sentence = serializers.SerializerMethodField()
    is_sandbox = serializers.SerializerMethodField()

    class Meta:
        model = ContactAttempt
        fields: tuple[str, ...] = (
            "id",
            "lead_id",
            "campaign_id",
            "script_id",
            "ab_test_id",
            "variant",
            "channel",
            "status",
            "provider",
            "provider_ref",
            "origin",
            "try_no",
            "address",
            "reason",
            "reason_sentence",
            "is_sandbox",
            "started_at",
            "recorded_at",
            "completed_at",
            "duration",
            "cost",
            "currency",
            "result",
            "notes",
        )
        read_only_fields = fields

    def get_reason_sentence(self, attempt: ContactAttempt) -> str:
        return sentence_of(attempt.reason) if attempt.reason else ""

    def get_is_sandbox(self, attempt: ContactAttempt) -> bool:
        """Whether nothing really went out."""
        return attempt.is_sandbox


class AttemptDetailSerializer(AttemptSerializer):
    """With the message as it was sent, and the facts that decided."""

    lead = LeadBriefSerializer(read_only=True)

    class Meta(AttemptSerializer.Meta):
        fields = (*AttemptSerializer.Meta.fields, "message", "policy_snapshot", "lead")
        read_only_fields = fields
