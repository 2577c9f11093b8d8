"""Admin of integrations: providers with their secrets write-only, inbound events to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from integrations.catalogue import PROVIDERS
from integrations.models import InboundEvent, IntegrationConfig
from retention_center.admin_site import ReadOnlyAdmin


@admin.register(IntegrationConfig)
class IntegrationConfigAdmin(ReadOnlyAdmin):
    """Listed here, changed on the provider's own page: there secrets are masked, checked and can be tested."""

    list_display = ("provider", "type", "is_active", "updated_at")
    list_filter = ("type", "is_active")
    search_fields = ("provider",)
    fields = ("provider", "type", "is_active", "created_at", "updated_at")

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is not None and row.provider in PROVIDERS:
            return redirect(reverse("integration", args=[row.provider]))
        return super().change_view(request, object_id, *args, **kwargs)


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    list_display = ("provider", "kind", "status", "reason", "received_at", "tries")
    list_filter = ("status", "provider", "kind")
    search_fields = ("event_key", "provider_ref", "attempt_id", "lead_id")
    date_hierarchy = "received_at"
    show_full_result_count = False
