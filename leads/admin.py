"""Leads, suppressions and imports in Django admin: to look at and search. Changes go through the pages and the API."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from leads.models import ImportJob, ImportRow, Lead, Suppression
from retention_center.admin_site import ReadOnlyAdmin


@admin.register(Lead)
class LeadAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "email", "phone", "status", "source", "created_at", "deleted_at")
    list_filter = ("status", "deleted_at", "created_at")
    search_fields = ("first_name", "last_name", "email", "phone", "=external_id", "=id")
    ordering = ("-created_at",)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = ("address", "channel", "reason", "source", "lead", "created_at", "lifted_at")
    list_filter = ("channel", "reason", "source")
    search_fields = ("address", "=lead__id")
    list_select_related = ("lead", "created_by")
    exclude = ("address_digest",)


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyAdmin):
    list_display = ("filename", "status", "rows", "created", "updated", "unchanged", "invalid", "created_at")
    search_fields = ("filename",)
    list_select_related = ("job", "created_by")

    @admin.display(description="status")
    def status(self, importing: ImportJob) -> str:
        return importing.job.get_status_display() if importing.job else "Draft"


@admin.register(ImportRow)
class ImportRowAdmin(ReadOnlyAdmin):
    list_display = ("import_job", "number", "outcome", "lead")
    list_filter = ("outcome",)
    search_fields = ("=import_job__id", "=lead__id")
    list_select_related = ("import_job", "lead")
    ordering = ("import_job", "number")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRow]:
        return super().get_queryset(request).select_related("import_job", "lead")
