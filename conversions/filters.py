"""Filters of conversions, one set for page and API."""

from conversions.models import Conversion, ConversionRule
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, TruthFilter, WireFilterSet, WordsFilter
from retention_center.lib.channels import Channel

METRICS = [("all", "All contacts"), ("source", "Source"), ("weekday", "Weekday"), ("hour", "Hour")]


class ConversionFilters(WireFilterSet):
    """``status`` is the sender's own word, ``standing`` what it means."""

    search_fields = (
        "sub_id",
        "click_id",
        "tid",
        "lead__first_name",
        "lead__last_name",
        "lead__email",
    )
    standing = ChoicesFilter(choices=Conversion.Standing.choices, label="Standing")
    status = WordsFilter("status", label="Sender's word")
    source = WordsFilter("source", label="Source")
    currency = WordsFilter("currency", label="Currency")
    campaign_id = WordsFilter("campaign_id", label="Campaign")
    lead_id = WordsFilter("lead_id", label="Lead")
    is_unmatched = TruthFilter("lead", lookup_expr="isnull", label="Without a lead")
    date_from = FromFilter("created_at", label="From")
    date_to = ToFilter("created_at", label="To")

    class Meta:
        model = Conversion
        fields: tuple[str, ...] = ()


class ConversionRuleFilters(WireFilterSet):
    channel = ChoicesFilter(choices=Channel.choices, label="Channel")
    metric = ChoicesFilter(choices=METRICS, label="What is compared")

    class Meta:
        model = ConversionRule
        fields: tuple[str, ...] = ()
