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
    for name, field in form.fields.items():
        field.required = False
        if isinstance(field, ChoicesField):
            field.widget = Ticks(choices=field.choices)
        elif isinstance(field, WordsField) and name in names:
            field.choices = list(names[name]())  # type: ignore[attr-defined]
            field.widget = OneOf(choices=[EITHER, *field.choices])  # type: ignore[attr-defined]
        elif isinstance(field, WordsField):
            field.widget = HiddenWords() if name.endswith("Id") else Words()
        elif isinstance(field, MomentField):
            field.widget = forms.DateInput(attrs={"type": "date"})
        elif isinstance(field, TruthField):
            field.widget = forms.Select(choices=[EITHER, ("true", "yes"), ("false", "no")])
