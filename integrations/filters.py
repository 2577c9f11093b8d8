"""Filters of inbound events, one set for page and API."""

from integrations.models import InboundEvent
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, WireFilterSet, WordsFilter


class InboundEventFilters(WireFilterSet):
    search_fields = ("provider_ref", "attempt_id", "lead_id", "reason")
    status = ChoicesFilter(choices=InboundEvent.Status.choices, label="Status")
    provider = WordsFilter("provider", label="Provider")
    kind = WordsFilter("kind", label="Kind")
    lead_id = WordsFilter("lead_id", label="Lead")
    attempt_id = WordsFilter("attempt_id", label="Attempt")
    date_from = FromFilter("received_at", label="Received from")
    date_to = ToFilter("received_at", label="Received to")

    class Meta:
        model = InboundEvent
        fields: tuple[str, ...] = ()
