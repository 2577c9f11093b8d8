"""Admin of the ground's own rows: people, keys; audit, jobs and saved views to look at."""

import secrets
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from retention_center import audit, jobs
from retention_center.admin_site import AuditedAdmin, ReadOnlyAdmin
from retention_center.auth import keys
from retention_center.auth.signing_in import CHANGE_ASKED
from retention_center.models import ApiKey, AuditEvent, Job, Role, SavedView, User


class PersonForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("email", "name", "role", "time_zone", "is_active")

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        stays_admin = data.get("role") == Role.ADMIN and data.get("is_active")
        others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=self.instance.pk)
        was_admin = User.objects.filter(pk=self.instance.pk, role=Role.ADMIN, is_active=True).exists()
        if was_admin and not stays_admin and not others.exists():
            raise ValidationError("This is the last admin: make another one first.", code="last_admin")
        return data


@admin.register(User)
class PersonAdmin(AuditedAdmin):
    """People are disabled, not deleted: the audit and their work name them."""

    form = PersonForm
    list_display = ("email", "name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("subject", "last_login", "created_at")
    actions = ("give_one_time_password",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not change:
            self._give_password(request, obj)

    @admin.action(description="Give a one-time password")
    def give_one_time_password(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for person in queryset:
            self._give_password(request, person)

    def _give_password(self, request: HttpRequest, person: User) -> None:
        password = secrets.token_urlsafe(12)
        with transaction.atomic():
            person.set_password(password)
            person.preferences[CHANGE_ASKED] = True
            person.save(update_fields=["password", "preferences"])
            audit.record(audit.actor_of(request, via="admin"), "give one-time password", person)
        messages.warning(request, f"One-time password of {person.email}, shown only now: {password}")


class ApiKeyForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields = ("name", "role", "expires_at")

    def clean_expires_at(self) -> Any:
        keys.require_future(self.cleaned_data["expires_at"])
        return self.cleaned_data["expires_at"]


@admin.register(ApiKey)
class ApiKeyAdmin(AuditedAdmin):
    """Keys are made and revoked, never changed."""

    list_display = ("name", "prefix", "role", "created_by", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("created_by",)
    search_fields = ("name", "prefix")
    form = ApiKeyForm
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        actor = audit.actor_of(request, via="admin")
        key, text = keys.create(obj.name, obj.role, actor=actor, expires_at=obj.expires_at)
        obj.pk = key.pk
        messages.warning(request, f"The key, shown only now: {text}")

    @admin.action(description="Revoke")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke(key, actor=audit.actor_of(request, via="admin"))


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_name", "via", "action", "object_type", "object_label")
    list_filter = ("via", "object_type", "at")
    search_fields = ("actor_name", "object_label", "object_id")
    list_select_related = ("actor",)
    ordering = ("-at", "-id")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "kind", "status", "done", "total", "created_by", "created_at", "finished_at")
    list_filter = ("status", "kind")
    search_fields = ("id", "kind")
    list_select_related = ("created_by",)
    actions = ("stop",)
    ordering = ("-created_at", "-id")

    @admin.action(description="Stop", permissions=["view"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        for job in queryset:
            if jobs.request_stop(job):
                audit.record(audit.actor_of(request, via="admin"), "stop", job)


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    list_display = ("name", "page", "user", "is_shared", "is_default")
    list_filter = ("page", "is_shared")
    search_fields = ("name", "user__email")
    list_select_related = ("user",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)
