"""The filters of campaigns, campaign leads, scripts and attempts: names as on the wire, one set for page and API."""

from functools import reduce
from operator import or_

from django.conf import settings
from django.db.models import Q, QuerySet

from campaigns.models import ABTest, Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import Effect, Reason
from leads.models import Lead
from leads.searching import finding
from retention_center.api.filters import (
    ChoicesFilter,
    FromFilter,
    ToFilter,
    TruthFilter,
    WireFilterSet,
    WordsFilter,
)
from retention_center.lib.channels import Channel

MOST_LEADS = 500  # whose attempts a search goes through


def campaign_choices() -> list[tuple[str, str]]:
    return list(Campaign.objects.order_by("name").values_list("pk", "name")[:500])


def provider_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in settings.PROVIDERS]


def reason_choices() -> list[tuple[str, str]]:
    return [(one.value, one.sentence) for one in Reason]


def ending_choices() -> list[tuple[str, str]]:
    return [(one.value, one.sentence) for one in Reason if one.effect == Effect.STOP]


def source_choices() -> list[tuple[str, str]]:
    sources = Lead.objects.present().order_by("source").values_list("source", flat=True).distinct()
    return [(source, source) for source in sources[:100]]


class CampaignFilters(WireFilterSet):
    search_fields = ("name", "description")
    status = ChoicesFilter(choices=Campaign.Status.choices, label="Status")
    created_from = FromFilter("created_at", label="Made from")
    created_to = ToFilter("created_at", label="Made to")

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = ()


PLACE_STATES = [
    ("planned", "Planned"),
    ("held", "Held"),
    ("in_flight", "Being sent now"),
    ("not_planned", "Not planned"),
    ("all_done", "All contacts made"),
]


class CampaignLeadFilters(WireFilterSet):
    search_fields = ("lead__first_name", "lead__last_name", "lead__email", "lead__phone")
    status = ChoicesFilter(choices=CampaignLead.Status.choices, label="Status")
    reason = WordsFilter("reason", label="Reason")
    held_reason = WordsFilter("held_reason", label="Held for")
    state = ChoicesFilter(choices=PLACE_STATES, label="Next contact", method="in_state")
    due_from = FromFilter("due_at", label="Next contact from")
    due_to = ToFilter("due_at", label="Next contact to")

    class Meta:
        model = CampaignLead
        fields: tuple[str, ...] = ()

    def in_state(self, queryset: QuerySet, _name: str, states: list[str]) -> QuerySet:
        found = [
            queryset.filter(pk__in=CampaignLead.objects.in_state(state).order_by().values("pk")) for state in states
        ]
        return reduce(or_, found) if found else queryset


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
    reason = WordsFilter("reason", label="Reason")
    date_from = FromFilter("started_at", label="From")
    date_to = ToFilter("started_at", label="To")

    def find(self, queryset: QuerySet, text: str) -> QuerySet:
        """Attempts of the leads that are found, or the one with this reference of its provider."""
        leads = list(finding(Lead.objects.all(), text).order_by().values_list("pk", flat=True)[:MOST_LEADS])
        is_reference = Q(provider__in=list(settings.PROVIDERS), provider_ref=text.strip())
        return queryset.filter(Q(lead__in=leads) | is_reference)

    class Meta:
        model = ContactAttempt
        fields: tuple[str, ...] = ()


class ScriptPageFilters(ScriptFilters):
    """As on the wire, but archived scripts show only when asked for."""

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("isArchived") is not None else found.filter(archived_at=None)


class ABTestFilters(WireFilterSet):
    campaign_id = WordsFilter("campaign_id", label="Campaign")
    channel = ChoicesFilter(choices=Channel.choices, label="Channel")
    status = ChoicesFilter(choices=ABTest.Status.choices, label="Status")

    class Meta:
        model = ABTest
        fields: tuple[str, ...] = ()
