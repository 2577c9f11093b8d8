"""JSON has types: where the document says boolean, number or string, nothing else is read as one.

REST framework would take 0 for false, "5" for 5 and 5 for "5". Form fields have no types and stay as they are.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

_NUMBER = (serializers.FloatField, serializers.DecimalField)
_TEXT = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateTimeField,
    serializers.DateField,
    serializers.TimeField,
    serializers.PrimaryKeyRelatedField,
)


def wrong_types(fields: Mapping[str, serializers.Field], data: Any) -> dict[str, Any]:
    """Errors by wire name of the values that have another type than their field; {} for a form."""
    if not isinstance(data, Mapping) or isinstance(data, QueryDict):
        return {}
    return {name: wrong for name, field in fields.items() if name in data and (wrong := _wrong(field, data[name]))}


def _wrong(field: serializers.Field, value: Any) -> Any:
    if value is None or field.read_only:
        return None
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return dict(_items(field.child, value))
    if (said := _expected(field)) is None or _fits(field, value):
        return None
    return [ErrorDetail(said, "wrong_type")]


def _items(field: serializers.Field, values: list[Any]) -> Iterator[tuple[str, Any]]:
    for index, value in enumerate(values):
        if wrong := _wrong(field, value):
            yield str(index), wrong


def _expected(field: serializers.Field) -> str | None:
    if isinstance(field, serializers.BooleanField):
        return "Must be true or false."
    if isinstance(field, serializers.IntegerField):
        return "Must be a whole number, without quotes."
    if isinstance(field, _NUMBER):
        return "Must be a number, without quotes."
    return "Must be a text, in quotes." if isinstance(field, _TEXT) else None


def _fits(field: serializers.Field, value: Any) -> bool:
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField):
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if isinstance(field, _NUMBER):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)
