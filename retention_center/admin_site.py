"""Django's admin as our configuration corner: our sign-in, no queue internals, every change in the audit."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from retention_center import audit
from retention_center.api import text
from retention_center.auth import signing_in, views
from retention_center.lib.encryption import EncryptedJSONField
from retention_center.models import User
from retention_center.pages.forms import RowField

# A schedule's function is any dotted path: whoever could edit it could run anything. Groups grant nothing here.
KEPT_OUT = frozenset({"django_q", "auth"})


class ConfigurationSite(admin.AdminSite):
    """The admin site. Only people with the role admin come in."""

    site_header = "Retention Center"
    site_title = "Retention Center"
    index_title = "Configuration"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models, except those of apps that nobody may edit here."""
        if wanted := _editable(model_or_iterable):
            super().register(wanted, admin_class, **options)

    def unregister(self, model_or_iterable: Any) -> None:
        super().unregister(_editable(model_or_iterable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if isinstance(request.user, User):
            raise PermissionDenied("This needs the role admin; ask an admin.")
        return redirect(signing_in.address_for(request))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return views.logout(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("password")


class ShapedJSONField(forms.JSONField):
    """JSON of the column's own kind, object or list; an empty box, or the word null, is an empty one."""

    def __init__(self, *args: Any, empty: type[dict[str, Any]] | type[list[Any]] = dict, **kwargs: Any) -> None:
        self.empty = empty
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
            raise ValidationError("Enter a valid JSON.", code="invalid") from error
        if found is None:
            return self.empty()
        if not isinstance(found, self.empty) or text.first_unstorable(found) is not None:
            kind = "an object" if self.empty is dict else "a list"
            raise ValidationError(f"Give {kind}, without NUL characters.", code="invalid")
        return found


class AuditedAdmin(admin.ModelAdmin):
    """The base of every admin: what is added, changed or deleted here stands in the audit, without secrets."""

    show_full_result_count = False  # a second count of a large table

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        names = audited_columns(type(obj))
        stored = type(obj)._base_manager.filter(pk=obj.pk).first() if change else None
        before = audit.snapshot(stored, *names) if stored is not None else {}
        super().save_model(request, obj, form, change)
        actor = audit.actor_of(request, via="admin")
        if stored is None:
            audit.record(actor, "create", obj, after=audit.snapshot(obj, *names))
            return
        old, new = audit.changed_values(obj, before)
        secrets = [name for name in form.changed_data if name not in names and hasattr(obj, name)]
        if new or secrets:
            audit.record(actor, "change", obj, before=old, after=new | dict.fromkeys(secrets, "changed"))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, models.JSONField) and db_field.default in (dict, list):
            kwargs |= {"form_class": ShapedJSONField, "empty": db_field.default}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_foreignkey(db_field, request, **{"form_class": RowField} | kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Our audit, which also knows of pages and the API, instead of Django's log of this corner."""
        return redirect("history", self.opts.model_name, object_id)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        audit.record(audit.actor_of(request, via="admin"), "delete", obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for obj in queryset:
            audit.record(audit.actor_of(request, via="admin"), "delete", obj)
        super().delete_queryset(request, queryset)


class ReadOnlyAdmin(AuditedAdmin):
    """Rows to look at: whoever changes them does it by their own pages and verbs."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


def _editable(model_or_iterable: Any) -> list[type[models.Model]]:
    given: list[type[models.Model]] = (
        [model_or_iterable] if isinstance(model_or_iterable, type) else [*model_or_iterable]
    )
    return [model for model in given if model._meta.app_label not in KEPT_OUT]


def audited_columns(model: type[models.Model]) -> list[str]:
    """The columns whose values the audit may show: no password, nothing encrypted, no bytes."""
    hidden = (EncryptedJSONField, models.BinaryField)
    return [
        field.attname
        for field in model._meta.concrete_fields
        if not isinstance(field, hidden) and field.name not in {"password", "digest", "updated_at"}
    ]
