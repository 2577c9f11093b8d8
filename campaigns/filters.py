"""The filters of campaigns, campaign leads, scripts and attempts: names as on the wire, one set for page and API."""

from django import forms
from django.conf import settings
from django.db.models import QuerySet

from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import Reason
from leads.models import Lead
from retention_center.api.filters import (
    ChoicesFilter,
    CommaList,
    FromFilter,
    ToFilter,
    TruthFilter,
    WireFilterSet,
    WordsFilter,
)
from retention_center.lib.channels import Channel


class Day(forms.DateInput):
    input_type = "date"


class HiddenList(forms.MultipleHiddenInput):
    """Ids that come with a link: kept by the filter form, not chosen in it."""

    value_from_datadict = CommaList.value_from_datadict


def campaign_choices() -> list[tuple[str, str]]:
    return list(Campaign.objects.order_by("name").values_list("pk", "name")[:500])


def provider_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in settings.PROVIDERS]


def source_choices() -> list[tuple[str, str]]:
    sources = Lead.objects.present().order_by("source").values_list("source", flat=True).distinct()
    return [(source, source) for source in sources[:100]]


class CampaignFilters(WireFilterSet):
    search_fields = ("name", "description")
    status = ChoicesFilter(choices=Campaign.Status.choices, label="Status")
    created_from = FromFilter("created_at", label="Made from", widget=Day)
    created_to = ToFilter("created_at", label="Made to", widget=Day)

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
    date_from = FromFilter("started_at", label="From", widget=Day)
    date_to = ToFilter("started_at", label="To", widget=Day)

    class Meta:
        model = ContactAttempt
        fields: tuple[str, ...] = ()


class ScriptPageFilters(ScriptFilters):
    """As on the wire, but archived scripts show only when asked for."""

    campaign_id = ChoicesFilter("campaign_id", choices=campaign_choices, label="Campaign")

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("isArchived") is not None else found.filter(archived_at=None)


class AttemptPageFilters(AttemptFilters):
    """As on the wire, with campaigns and providers to choose from."""

    campaign_id = ChoicesFilter("campaign_id", choices=campaign_choices, label="Campaign")
    provider = ChoicesFilter("provider", choices=provider_choices, label="Provider")
    lead_id = WordsFilter("lead_id", label="Lead", widget=HiddenList)
    script_id = WordsFilter("script_id", label="Script", widget=HiddenList)


class AddableLeadFilters(WireFilterSet):
    """Leads to put into a campaign."""

    search_fields = ("first_name", "last_name", "email", "phone", "external_id")
    status = ChoicesFilter(choices=Lead.Status.choices, label="Status")
    source = ChoicesFilter("source", choices=source_choices, label="Source")
    created_from = FromFilter("created_at", label="Made from", widget=Day)
    created_to = ToFilter("created_at", label="Made to", widget=Day)

    class Meta:
        model = Lead
        fields: tuple[str, ...] = ()
