"""Admin of conversions and of what was learned from them."""

from django.contrib import admin

from conversions.models import Conversion, ConversionRule
from retention_center.admin_site import ReadOnlyAdmin


@admin.register(Conversion)
class ConversionAdmin(ReadOnlyAdmin):
    """Changed on their own pages, where a change has its effects on the lead."""

    list_display = ("status", "standing", "lead", "campaign", "revenue", "currency", "source", "created_at")
    list_filter = ("standing", "source", "currency", "channel")
    list_select_related = ("lead", "campaign")
    search_fields = ("sub_id", "click_id", "tid", "lead__email")
    date_hierarchy = "created_at"
    show_full_result_count = False


@admin.register(ConversionRule)
class ConversionRuleAdmin(ReadOnlyAdmin):
    list_display = ("channel", "metric", "value", "conversion_rate", "sample_size", "confidence", "updated_at")
    list_filter = ("channel", "metric")
    search_fields = ("metric", "value")
