"""What a lead, an import and a suppression look like on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from leads import next_contact
from leads.cleaning import TEXTS
from leads.models import ImportJob, Lead, Suppression
from retention_center.api.fields import ObjectField
from retention_center.api.serializers import WireModelSerializer, WireSerializer
from retention_center.lib import clock

NEWEST_ATTEMPTS = 5


class LeadSerializer(WireModelSerializer):
    """A lead. E-mail is lower case, phone is E.164; ``meta.optOut`` tells what the person opted out of."""

    class Meta:
        model = Lead
        fields = (
            "id",
            "external_id",
            "first_name",
            "last_name",
            "email",
            "phone",
            "source",
            "status",
            "time_zone",
            "meta",
            "notes",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields


class NextSerializer(WireSerializer):
    """What the processor will do next for the lead if nothing changes.

    ``reason``: planned, in_flight, or the code of the rule that set the time or will leave the contact out then.
    ``at`` is null while it is in flight, or waits for staff or for something whose end nobody knows.
    """

    channel = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class RuleSerializer(WireSerializer):
    """One rule: OK; WAIT: it will pass by itself; or NO. ``reason`` is blank when nothing is against the contact."""

    rule = serializers.CharField()
    status = serializers.ChoiceField(["OK", "WAIT", "NO"])
    words = serializers.CharField()
    reason = serializers.CharField()


class MayContactSerializer(WireSerializer):
    """Whether a contact on the channel would be made now. The first rule that is not OK gives ``reason``.

    ``until`` is when it may be made again, null when it may now or nobody knows.
    """

    channel = serializers.CharField()
    may = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    sentence = serializers.CharField(allow_blank=True)
    until = serializers.DateTimeField(allow_null=True)
    rules = RuleSerializer(many=True)


class LeadCountsSerializer(WireSerializer):
    attempts = serializers.IntegerField()
    conversions = serializers.IntegerField()
    enrollments = serializers.IntegerField()
    campaigns = serializers.IntegerField()


class LatestAttemptSerializer(WireSerializer):
    id = serializers.CharField()
    channel = serializers.CharField()
    status = serializers.CharField()
    provider = serializers.CharField()
    reason = serializers.CharField()
    started_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)


class LeadDetailSerializer(LeadSerializer):
    """A lead with its counts, its newest attempts, and when it is contacted next."""

    counts = serializers.SerializerMethodField()
    attempts = serializers.SerializerMethodField()
    next = serializers.SerializerMethodField()

    class Meta(LeadSerializer.Meta):
        fields = (*LeadSerializer.Meta.fields, "counts", "attempts", "next")
        read_only_fields = fields

    @extend_schema_field(LeadCountsSerializer)
    def get_counts(self, lead: Any) -> dict[str, int]:
        return {
            "attempts": lead.contact_attempts.count(),
            "conversions": lead.conversions.count(),
            "enrollments": lead.sequence_enrollments.count(),
            "campaigns": lead.campaign_leads.count(),
        }

    @extend_schema_field(LatestAttemptSerializer(many=True))
    def get_attempts(self, lead: Any) -> Any:
        newest = lead.contact_attempts.order_by("-started_at", "-id")[:NEWEST_ATTEMPTS]
        return LatestAttemptSerializer(newest, many=True).data

    @extend_schema_field(NextSerializer(allow_null=True))
    def get_next(self, lead: Lead) -> Any:
        planned = next_contact.outlook(lead, clock.now()).next
        return NextSerializer(planned).data if planned else None


class LeadWriteSerializer(WireSerializer):
    """A lead as it is given: addresses in any notation, blank or null for none. One address is needed."""

    external_id = serializers.CharField(max_length=TEXTS["external_id"], required=False, allow_blank=True)
    first_name = serializers.CharField(max_length=TEXTS["first_name"], required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=TEXTS["last_name"], required=False, allow_blank=True)
    email = serializers.CharField(max_length=320, required=False, allow_blank=True, allow_null=True)
    phone = serializers.CharField(max_length=60, required=False, allow_blank=True, allow_null=True)
    source = serializers.CharField(max_length=TEXTS["source"], required=False)
    status = serializers.ChoiceField(Lead.Status.choices, required=False)
    time_zone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    meta = ObjectField(required=False)
    notes = serializers.CharField(max_length=TEXTS["notes"], required=False, allow_blank=True)


class LeadAddedSerializer(LeadSerializer):
    """The lead, and whether it is new (201) or was known (200): then its blanks are filled, nothing is overwritten."""

    created = serializers.BooleanField()

    class Meta(LeadSerializer.Meta):
        fields = (*LeadSerializer.Meta.fields, "created")
        read_only_fields = fields


class BulkSerializer(WireSerializer):
    leads = serializers.ListField(child=ObjectField(), min_length=1, max_length=5000)


class FieldProblemSerializer(WireSerializer):
    field = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()
    lead = serializers.CharField(required=False, help_text="The lead who has the address.")


class InvalidRowSerializer(WireSerializer):
    index = serializers.IntegerField()
    errors = FieldProblemSerializer(many=True)


class BulkResultSerializer(WireSerializer):
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    invalid = InvalidRowSerializer(many=True)


class LeadStatsSerializer(WireSerializer):
    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    by_source = serializers.DictField(child=serializers.IntegerField())


class EventSerializer(WireSerializer):
    """One line of the timeline; ``happened`` is false for what was planned, held, skipped or failed."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(["contact", "not_sent", "reply", "edit", "other"])
    what = serializers.CharField()
    outcome = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    origin = serializers.CharField(allow_blank=True)
    happened = serializers.BooleanField()
    planned = serializers.BooleanField(source="is_planned")
    object_type = serializers.CharField(allow_blank=True)
    object_id = serializers.CharField(allow_blank=True)


class TimelineSerializer(WireSerializer):
    """Newest first. ``earlier``: give it as ``before`` to read on; null at the end."""

    data = EventSerializer(many=True)
    earlier = serializers.DateTimeField(allow_null=True)


class ImportSerializer(WireModelSerializer):
    """An import: where it stands and what became of the rows so far."""

    status = serializers.SerializerMethodField()
    total = serializers.IntegerField(source="rows")
    job_id = serializers.CharField(allow_null=True)

    class Meta:
        model = ImportJob
        fields = (
            "id",
            "filename",
            "status",
            "job_id",
            "processed",
            "total",
            "created",
            "updated",
            "unchanged",
            "invalid",
            "warnings",
            "columns",
            "mapping",
            "encoding",
            "delimiter",
            "source",
            "region",
            "campaign_id",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(["DRAFT", "QUEUED", "RUNNING", "DONE", "STOPPED", "FAILED"]))
    def get_status(self, importing: ImportJob) -> str:
        return status_of(importing)


def status_of(importing: ImportJob) -> str:
    """The run's status; DRAFT until it was confirmed."""
    job = importing.job
    return job.status if job and job.kind == "import_leads" else "DRAFT"


class ImportUploadSerializer(WireSerializer):
    """A CSV or Excel file, and what holds for all of its rows."""

    file = serializers.FileField(allow_empty_file=True)
    source = serializers.CharField(max_length=60, required=False, allow_blank=True)
    region = serializers.CharField(max_length=10, required=False, allow_blank=True)
    campaign_id = serializers.CharField(max_length=40, required=False, allow_blank=True)
    mapping = serializers.CharField(
        max_length=50_000,
        required=False,
        allow_blank=True,
        help_text="JSON: column name to field; the rest is guessed.",
    )


class SuppressionSerializer(WireModelSerializer):
    """An address nobody may contact on a channel, or ALL. ``address`` is blank once its lead was erased."""

    class Meta:
        model = Suppression
        fields = ("id", "address", "channel", "reason", "source", "note", "lead_id", "created_at")
        read_only_fields = fields


class SuppressionWriteSerializer(WireSerializer):
    address = serializers.CharField(max_length=320)
    channel = serializers.ChoiceField(Suppression.Scope.choices, default=Suppression.Scope.ALL)
    reason = serializers.CharField(max_length=60, default="staff")
    note = serializers.CharField(max_length=255, required=False, allow_blank=True)
