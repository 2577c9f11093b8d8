"""Admin of campaigns, scripts, attempts, the contact policy and A/B tests; what was sent is only to be looked at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from campaigns import changing, policies, scripting
from campaigns.forms import take_errors
from campaigns.models import ABTest, Campaign, CampaignLead, ContactAttempt, ContactPolicy, Script, SendingPause
from retention_center.admin_site import AuditedAdmin, ReadOnlyAdmin
from retention_center.lib import clock


class CampaignAdminForm(forms.ModelForm):
    """What the pages refuse is refused here too."""

    class Meta:
        model = Campaign
        fields = changing.COLUMNS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        _check(self, changing.check, Campaign(**_given(cleaned)))
        return cleaned


class ScriptAdminForm(forms.ModelForm):
    """What the pages refuse is refused here too."""

    class Meta:
        model = Script
        fields = tuple(name.removesuffix("_id") for name in scripting.COLUMNS if name != "is_default")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kept = {} if "type" in self.fields else {"type": self.instance.type}
        _check(self, scripting.check, Script(**_given(cleaned) | kept))
        return cleaned


class PolicyAdminForm(forms.ModelForm):
    """What the page refuses is refused here too."""

    class Meta:
        model = ContactPolicy
        fields = tuple(policies.CHECKS)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        _check(self, policies.check, cleaned)
        return cleaned


def _given(cleaned: dict[str, Any]) -> dict[str, Any]:
    """The values without blanks that a column would not take: JSON fields give None for an empty box."""
    return {name: value for name, value in cleaned.items() if value is not None}


def _check(form: forms.ModelForm, rule: Any, row: Any) -> None:
    try:
        rule(row)
    except ValidationError as error:
        take_errors(form, error)


@admin.register(Campaign)
class CampaignAdmin(AuditedAdmin):
    """The status moves on the campaign's own page, along its allowed moves."""

    form = CampaignAdminForm
    list_display = ("name", "status", "start_date", "end_date", "created_at")
    list_filter = ("status", "created_at")
    search_fields = ("name", "description")
    readonly_fields = ("status", "created_at", "updated_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Script)
class ScriptAdmin(AuditedAdmin):
    """Default and archive are set on the script's own page, where the former default steps back."""

    form = ScriptAdminForm
    list_display = ("name", "type", "campaign", "is_default", "archived_at", "updated_at")
    list_filter = ("type", "is_default", ("archived_at", admin.EmptyFieldListFilter))
    list_select_related = ("campaign",)
    search_fields = ("name", "subject")
    autocomplete_fields = ("campaign",)
    readonly_fields = ("is_default", "archived_at", "created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """The channel stays: steps of that channel may use the script."""
        return (*self.readonly_fields, "type") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(CampaignLead)
class CampaignLeadAdmin(ReadOnlyAdmin):
    list_display = ("lead", "campaign", "status", "reason", "assigned_at", "completed_at")
    list_filter = ("status", "reason")
    list_select_related = ("lead", "campaign")
    search_fields = ("lead__email", "lead__phone", "campaign__name")


@admin.register(ContactAttempt)
class ContactAttemptAdmin(ReadOnlyAdmin):
    list_display = ("lead", "channel", "status", "provider", "reason", "script", "campaign", "started_at")
    list_filter = ("channel", "status", "provider", "origin", "started_at")
    list_select_related = ("lead", "script", "campaign")
    search_fields = ("=id", "=provider_ref", "=lead__email", "=lead__phone")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContactAttempt]:
        return super().get_queryset(request).defer("message", "policy_snapshot", "lead__meta", "script__content")


@admin.register(ContactPolicy)
class ContactPolicyAdmin(AuditedAdmin):
    """One row; it is made by the first change on the policy's page."""

    form = PolicyAdminForm
    list_display = ("__str__", "contact_hours_start", "contact_hours_end", "max_contacts_per_day", "updated_at")

    def save_model(self, request: HttpRequest, obj: ContactPolicy, form: Any, change: bool) -> None:
        obj.updated_at = clock.now()  # a form opened before is then stale
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(SendingPause)
class SendingPauseAdmin(ReadOnlyAdmin):
    list_display = ("scope", "target", "created_at", "created_by")
    list_filter = ("scope",)
    list_select_related = ("created_by",)
    search_fields = ("target",)


@admin.register(ABTest)
class ABTestAdmin(ReadOnlyAdmin):
    list_display = ("campaign", "channel", "status", "started_at", "ended_at")
    list_filter = ("channel", "status")
    list_select_related = ("campaign",)
    search_fields = ("campaign__name",)
