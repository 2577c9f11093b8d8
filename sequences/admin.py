"""Admin of sequences: to look at; steps are published, enrollments moved and executions settled elsewhere."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from retention_center.admin_site import AuditedAdmin, ReadOnlyAdmin
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution


class SequenceAdminForm(ModelForm):
    class Meta:
        model = RetentionSequence
        fields = ("name", "description", "stop_on_reply")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not (data.get("name") or "").strip():
            raise ValidationError({"name": "Give the sequence a name."})
        return data


@admin.register(RetentionSequence)
class SequenceAdmin(AuditedAdmin):
    """Names are corrected here; the trigger, the steps and the status are changed on the pages, which check them."""

    form = SequenceAdminForm
    list_display = ("name", "status", "trigger_type", "version", "activated_at", "created_at")
    list_filter = ("status", "trigger_type", "created_at")
    search_fields = ("name", "description")
    readonly_fields = (
        "status",
        "trigger_type",
        "trigger_config",
        "channels",
        "version",
        "activated_at",
        "enrolls_from",
    )
    ordering = ("-created_at", "-id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SequenceStep)
class StepAdmin(ReadOnlyAdmin):
    list_display = ("sequence", "version", "step_order", "channel", "script", "delay_value", "delay_unit", "is_active")
    list_filter = ("channel", "is_active", "on_failure")
    list_select_related = ("sequence", "script")
    search_fields = ("sequence__name", "script__name", "key")


@admin.register(SequenceEnrollment)
class EnrollmentAdmin(ReadOnlyAdmin):
    list_display = ("lead", "sequence", "status", "run_no", "current_step", "reason", "source", "enrolled_at")
    list_filter = ("status", "source", "enrolled_at")
    list_select_related = ("lead", "sequence")
    search_fields = ("lead__email", "lead__last_name", "sequence__name")
    ordering = ("-enrolled_at", "-id")
    show_full_result_count = False


@admin.register(SequenceStepExecution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("lead", "sequence", "step", "status", "scheduled_at", "held_reason", "reason", "try_no")
    list_filter = ("status", "scheduled_at")
    list_select_related = ("lead", "sequence", "step__sequence")
    search_fields = ("lead__email", "sequence__name", "step_key")
    ordering = ("-scheduled_at", "-id")
    show_full_result_count = False
