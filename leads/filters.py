"""The filters of leads, imports and suppressions: names as on the wire, one set for page and API."""

from contextlib import suppress

from django.db.models import Q, QuerySet

from leads import next_contact
from leads.identity import BadValue, clean_address
from leads.models import ImportJob, Lead, Suppression
from leads.searching import finding
from leads.suppression import digest
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, TruthFilter, WireFilterSet, WordsFilter


class LeadFilter(WireFilterSet):
    status = ChoicesFilter(choices=Lead.Status.choices, label="Status")
    source = WordsFilter("source", label="Source")
    created_from = FromFilter("created_at", label="Added from")
    created_to = ToFilter("created_at", label="Added to")
    campaign_id = WordsFilter(method="in_campaign", label="Campaign")
    sequence_id = WordsFilter(method="in_sequence", label="Sequence")
    has_next = TruthFilter(method="with_next", label="Next contact planned")

    class Meta:
        model = Lead
        fields: tuple[str, ...] = ()

    def find(self, queryset: QuerySet, text: str) -> QuerySet:
        return finding(queryset, text)

    def in_campaign(self, queryset: QuerySet, _name: str, ids: list[str]) -> QuerySet:
        inside = Lead.objects.filter(campaign_leads__campaign__in=ids)
        return queryset.filter(pk__in=inside.values("pk")) if ids else queryset

    def in_sequence(self, queryset: QuerySet, _name: str, ids: list[str]) -> QuerySet:
        inside = Lead.objects.filter(sequence_enrollments__sequence__in=ids)
        return queryset.filter(pk__in=inside.values("pk")) if ids else queryset

    def with_next(self, queryset: QuerySet, _name: str, is_planned: bool) -> QuerySet:
        steps = Lead.objects.filter(step_executions__status__in=next_contact.OPEN).values("pk")
        places = next_contact.open_places().order_by().values("lead")
        planned = Q(pk__in=steps) | Q(pk__in=places)
        return queryset.filter(planned) if is_planned else queryset.exclude(planned)


class SuppressionFilter(WireFilterSet):
    """``search`` finds parts of an address, and a whole one also where only its HMAC is left."""

    channel = ChoicesFilter(choices=Suppression.Scope.choices, label="Channel")
    reason = WordsFilter("reason", label="Reason")
    source = WordsFilter("source", label="Said by")
    lead_id = WordsFilter("lead_id", label="Lead")
    created_from = FromFilter("created_at", label="From")
    created_to = ToFilter("created_at", label="To")

    class Meta:
        model = Suppression
        fields: tuple[str, ...] = ()

    def find(self, queryset: QuerySet, text: str) -> QuerySet:
        found = Q(address__icontains=text.strip())
        with suppress(BadValue):
            found |= Q(address_digest=digest(clean_address(text)))
        return queryset.filter(found)


class ImportFilter(WireFilterSet):
    search_fields = ("filename",)
    created_from = FromFilter("created_at", label="From")
    created_to = ToFilter("created_at", label="To")

    class Meta:
        model = ImportJob
        fields: tuple[str, ...] = ()
