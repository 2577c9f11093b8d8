"""The filters of campaigns, campaign leads, scripts and attempts: names as on the wire, one set for page and API."""

from django.db.models import QuerySet

from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import Reason
from retention_center.api.filters import (
    ChoicesFilter,
    FromFilter,
    ToFilter,
    TruthFilter,
    WireFilterSet,
    WordsFilter,
)
from retention_center.lib.channels import Channel


class CampaignFilters(WireFilterSet):
    search_fields = ("name", "description")
    status = ChoicesFilter(choices=Campaign.Status.choices, label="Status")
    created_from = FromFilter("created_at", label="Made from")
    created_to = ToFilter("created_at", label="Made to")

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = ()


class CampaignLeadFilters(WireFilterSet):
    search_fields = ("lead__first_name", "lead__last_name", "lead__email", "lead__phone")
    status = ChoicesFilter(choices=CampaignLead.Status.choices, label="Status")
    reason = ChoicesFilter(choices=[(one.value, one.sentence) for one in Reason], label="Reason")

    class Meta:
        model = CampaignLead
        fields: tuple[str, ...] = ()


class ScriptFilters(WireFilterSet):
    search_fields = ("name", "subject")
    type = ChoicesFilter(choices=Channel.choices, label="Channel")
    campaign_id = WordsFilter("campaign_id", label="Campaign")
    is_default = TruthFilter("is_default", label="Default")
    is_archived = TruthFilter(method="of_archive", label="Archived")

    class Meta:
        model = Script
        fields: tuple[str, ...] = ()

    def of_archive(self, queryset: QuerySet, _name: str, is_archived: bool) -> QuerySet:
        return queryset.filter(archived_at__isnull=not is_archived)


class AttemptFilters(WireFilterSet):
    status = ChoicesFilter(choices=ContactAttempt.Status.choices, label="Status")
    channel = ChoicesFilter(choices=Channel.choices, label="Channel")
    campaign_id = WordsFilter("campaign_id", label="Campaign")
    lead_id = WordsFilter("lead_id", label="Lead")
    script_id = WordsFilter("script_id", label="Script")
    provider = WordsFilter("provider", label="Provider")
    reason = ChoicesFilter(choices=[(one.value, one.sentence) for one in Reason], label="Reason")
    date_from = FromFilter("started_at", label="From")
    date_to = ToFilter("started_at", label="To")

    class Meta:
        model = ContactAttempt
        fields: tuple[str, ...] = ()
