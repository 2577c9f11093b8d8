"""Active filters in words, each with the address that takes it away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Model, QuerySet
from django.http import QueryDict
from django_filters import FilterSet

from retention_center.api.filters import MomentField
from retention_center.pages import words


@dataclass(frozen=True)
class Chip:
    """ "Status *is* Contacted or In progress", and the query without it."""

    name: str
    verb: str
    value: str
    remove: str


def chips_of(filters: FilterSet, params: QueryDict, search: str = "search") -> list[Chip]:
    """One chip for each filter that is set, in the order of the form; the search box is no chip."""
    chips = []
    filters.is_valid()
    cleaned = getattr(filters.form, "cleaned_data", {})
    for name, field in filters.form.fields.items():
        value = cleaned.get(name)
        if name != search and not _is_blank(value):
            verb, text = _in_words(field, value)
            chips.append(Chip(str(field.label or name), verb, text, _without(params, name, field)))
    return chips


def _is_blank(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, list | QuerySet) and not len(value))


def _in_words(field: forms.Field, value: Any) -> tuple[str, str]:
    if isinstance(value, slice):
        ends = [("from", value.start), ("to", value.stop)]
        told = [f"{word} {_one(field, end)}" for word, end in ends if end is not None]
        return "", " ".join(told)
    if isinstance(field, MomentField):
        return "", _one(field, value)
    if isinstance(value, bool):
        return "is", "yes" if value else "no"
    if isinstance(value, str | Model) or not isinstance(value, Iterable):
        return "is", _one(field, value)
    return "is", " or ".join(_one(field, one) for one in value)


def _one(field: forms.Field, value: Any) -> str:
    if isinstance(field, MomentField):
        last = value - timedelta(microseconds=1) if field.is_end else value  # an end stands after its day
        return words.day(last)
    if isinstance(value, datetime):
        return words.exact(value)
    if isinstance(value, date):
        return f"{value.day} {value:%b %Y}"
    choices = {} if isinstance(value, Model) else dict(_flat(getattr(field, "choices", ())))
    return str(choices.get(str(value), value))


def _flat(choices: Any) -> Iterable[tuple[str, str]]:
    for value, label in choices:
        if isinstance(label, list | tuple):
            yield from _flat(label)
        else:
            yield str(value), str(label)


def _without(params: QueryDict, name: str, field: forms.Field) -> str:
    ends = {f"{name}_{end}" for end in getattr(field.widget, "suffixes", ())}  # a range has a parameter for each end
    kept = params.copy()
    for key in {name, "page", *ends} & kept.keys():
        del kept[key]
    return "?" + kept.urlencode()
