"""A list's filters as a form for people: ticks for choices, dates by calendar, yes or no, names instead of ids."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms

from retention_center.api.filters import ChoicesField, CommaList, MomentField, TruthField, WordsField

Choices = Iterable[tuple[str, str]]
NameChoices = Mapping[str, Callable[[], Choices]]
EITHER = ("", "either")


class _Listed:
    """Reads the same comma lists and repeated parameters as the API."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return CommaList().value_from_datadict(data, files, name)


class Ticks(_Listed, forms.CheckboxSelectMultiple):
    """Any of a few."""


class OneOf(_Listed, forms.Select):
    """One of many."""


class Words(_Listed, forms.TextInput):
    """Free words with commas between them."""

    def format_value(self, value: Any) -> str:
        return ", ".join(value) if isinstance(value, list) else str(value or "")


class HiddenWords(Words, forms.HiddenInput):
    """Ids that came by a link: kept, shown as a chip, never typed."""

    input_type = "hidden"
    template_name = "django/forms/widgets/hidden.html"


def dress(form: forms.Form, names: NameChoices) -> None:
    """Give each filter the control that suits it; ``names`` gives the choices for filters by id, by their wire name."""
    fields: dict[str, Any] = dict(form.fields)
    for name, field in fields.items():
        field.required = False
        if name in names:
            field.choices = list(names[name]())
        field.widget = _control(name, field) or field.widget


def _control(name: str, field: forms.Field) -> forms.Widget | None:
    choices: Any = getattr(field, "choices", None)
    if isinstance(field, ChoicesField):
        return Ticks(choices=choices)
    if isinstance(field, WordsField):
        if choices is not None:
            return OneOf(choices=[EITHER, *choices])
        return HiddenWords() if name.endswith("Id") else Words()
    if isinstance(field, MomentField):
        return forms.DateInput(attrs={"type": "date"})
    if isinstance(field, TruthField):
        return forms.Select(choices=[EITHER, ("true", "yes"), ("false", "no")])
    return None
