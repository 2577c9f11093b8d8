"""The base of every form page: 422 with what was typed, and 409 with both values when somebody else saved first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime

from retention_center.api.text import is_storable

Save = Callable[[Any], HttpResponse]


class RowField(forms.ModelChoiceField):
    """One row of a few, chosen by its id; an id that no database could hold is simply none of them."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and not is_storable(value):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice", params={"value": "?"})
        return super().to_python(value)


class PlainWords:
    """Labels without a colon, and what is wrong said in our own words."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if field.error_messages.get("required") == forms.Field.default_error_messages["required"]:
                field.error_messages["required"] = "This is missing."
            if isinstance(field, forms.EmailField):
                field.error_messages.setdefault("invalid", "This is not a whole e-mail address.")


class PageForm(PlainWords, forms.Form):
    """A form whose fields are drawn by ``{% field %}``."""


@dataclass(frozen=True)
class Difference:
    """A field that was changed on both sides: what stands in the database now, and what was typed."""

    label: str
    theirs: str
    yours: str


class PageModelForm(PlainWords, forms.ModelForm):
    """A model form whose fields are drawn by ``{% field %}``."""


class VersionedForm(PageModelForm):
    """A model form which remembers the version it shows, so that it never overwrites somebody else's change.

    The model has ``updated_at``. ``is_stale`` and ``differences`` are for ``answer_form``.
    """

    version = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = {name: self.initial.get(name) for name in self.fields if name != "version"}
        if self.instance.pk and hasattr(self.instance, "updated_at") and not self.instance._state.adding:
            self.initial["version"] = self.instance.updated_at.isoformat()

    @property
    def is_stale(self) -> bool:
        """Whether the row was saved by somebody else after this form was shown."""
        shown, now = parse_datetime_or_none(self.data.get(self.add_prefix("version"))), self.initial.get("version")
        return bool(now) and shown is not None and shown.isoformat() != now

    def differences(self) -> list[Difference]:
        """The fields in which the typed values are not what is stored now."""
        found = []
        for name, field in self.fields.items():
            if name == "version" or isinstance(field, forms.FileField):
                continue
            bound = self[name]
            stored = field.prepare_value(self._stored.get(name))
            if field.has_changed(self._stored.get(name), bound.data):
                found.append(Difference(str(bound.label), _told(field, stored), _told(field, bound.data)))
        return found


def answer_form(
    request: HttpRequest, form: Any, template: str, save: Save, context: dict[str, Any] | None = None
) -> HttpResponse:
    """Show the form; on POST save it, or show it again: 422 with its errors, 409 when it is stale.

    ``save`` takes the valid form, does everything (audit included) and returns the redirect.
    """
    page = {"form": form, **(context or {})}
    if request.method != "POST":
        return render(request, template, page)
    if getattr(form, "is_stale", False):
        again = {"form": form, "differences": form.differences(), "version": form.initial["version"], **page}
        return render(request, "pages/stale.html", again | {"typed": _typed(request)}, status=409)
    if not form.is_valid():
        return render(request, template, page, status=422)
    answer = save(form)
    if form.errors:  # the rule refused it after all, and said so by add_error
        return render(request, template, page, status=422)
    return answer


def parse_datetime_or_none(text: Any) -> Any:
    """An ISO time, or None for anything else that a client may send."""
    try:
        return parse_datetime(str(text)) if text else None
    except ValueError:
        return None


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    kept_out = {"csrfmiddlewaretoken", "version"}
    return [(name, value) for name, values in request.POST.lists() if name not in kept_out for value in values]


def _told(field: forms.Field, value: Any) -> str:
    if value is None or value == "" or value == []:
        return "blank"
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    choices = {
        str(key): str(label)
        for key, label in getattr(field, "choices", ()) or ()
        if not isinstance(label, list | tuple)
    }
    values = value if isinstance(value, list | tuple) else [value]
    return ", ".join(choices.get(str(one), str(one)) for one in values)
