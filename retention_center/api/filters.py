"""Filters of a list, one set for its page and its API: names as on the wire, choices also as comma lists."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from retention_center.lib.wire import to_camel

LONGEST_SEARCH = 200
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)  # any zone can tell these


class CommaList(forms.SelectMultiple):
    """Reads ``?status=NEW,CONTACTED`` and ``?status=NEW&status=CONTACTED`` alike."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        given = data.getlist(name) if hasattr(data, "getlist") else [data.get(name) or ""]
        return [part.strip() for value in given for part in str(value).split(",") if part.strip()]


class ChoicesField(forms.MultipleChoiceField):
    widget = CommaList


class WordsField(forms.Field):
    """Any words, unchecked: ids, sources."""

    widget = CommaList
    default_validators = [ProhibitNullCharactersValidator()]

    def run_validators(self, value: list[str]) -> None:
        for word in value:
            super().run_validators(word)


class _ListFilter(django_filters.Filter):
    def filter(self, qs: QuerySet, value: Sequence[str]) -> QuerySet:
        if not value:
            return qs
        return self.get_method(qs)(**{f"{self.field_name}__in": value})


class ChoicesFilter(_ListFilter):
    """One or several of ``choices``; anything else is malformed."""

    field_class = ChoicesField

    @property
    def _spectacular_annotation(self) -> dict[str, Any]:
        words = [str(key) for key, _label in _flat(self.extra.get("choices", []))]
        return {"field": {"type": "array", "items": {"type": "string", "enum": words}}}


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class WordsFilter(_ListFilter):
    """One or several words nobody checks: an id that is not there simply matches nothing."""

    field_class = WordsField


class MomentField(forms.Field):
    """A time with offset, or a date in the organisation's zone; as the end of a span a date includes its day."""

    widget = forms.DateInput

    def __init__(self, *args: Any, is_end: bool = False, **kwargs: Any) -> None:
        self.is_end = is_end
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            moment = self._read(str(value).strip())
        except ValueError:
            moment = None
        if moment is not None:
            return min(max(moment, EARLIEST), LATEST)
        raise ValidationError("Give a date (2026-01-31) or a time with offset (2026-01-31T09:30:00Z).", code="invalid")

    def _read(self, text: str) -> datetime | None:
        if day := _day(text):
            if not EARLIEST.date() <= day <= LATEST.date():
                return EARLIEST if day < EARLIEST.date() else LATEST
            return timezone.make_aware(datetime.combine(day + timedelta(days=self.is_end), time()))
        # An unescaped + arrives as a blank
        moment = parse_datetime(text.replace(" ", "+") if "T" in text.upper() else text)
        if moment is not None and timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return moment


BLANK = {"type": "string", "maxLength": 0}  # as if the parameter were not there
MOMENT = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}, BLANK]}


@extend_schema_field(MOMENT)
class FromFilter(django_filters.Filter):
    """Rows at or after a time or a day."""

    field_class = MomentField

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, lookup_expr="gte", **kwargs)


@extend_schema_field(MOMENT)
class ToFilter(django_filters.Filter):
    """Rows before a time, or up to the end of a day."""

    field_class = MomentField

    def __init__(self, field_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(field_name, lookup_expr="lt", is_end=True, **kwargs)


class TruthField(forms.Field):
    widget = forms.TextInput
    WORDS: ClassVar[dict[str, bool]] = {"true": True, "1": True, "false": False, "0": False}

    def to_python(self, value: Any) -> bool | None:
        if value in (None, ""):
            return None
        word = str(value).lower()
        if word not in self.WORDS:
            raise ValidationError("Say true or false.", code="invalid")
        return self.WORDS[word]


@extend_schema_field({"type": "boolean"})
class TruthFilter(django_filters.Filter):
    """``true`` or ``false``."""

    field_class = TruthField


@extend_schema_field({"type": "string", "maxLength": LONGEST_SEARCH})
class SearchFilter(django_filters.CharFilter):
    """Free text; what it means stands in the set's ``find``."""


class Searching:
    """What ``?search=`` means: by default, every word stands in some column of ``search_fields``."""

    search_fields: ClassVar[Sequence[str]] = ()

    def find(self, queryset: QuerySet, text: str) -> QuerySet:
        for word in text.split():
            queryset = queryset.filter(_any_holds(self.search_fields, word))
        return queryset


class WireFilterSet(Searching, django_filters.FilterSet):
    """The filters of one kind of rows.

    Attributes are snake_case, query parameters their camelCase. ``search_fields`` are columns searched by
    ``?search=``; a set that searches otherwise overrides ``find``. One with neither takes no ``search``.
    """

    search = SearchFilter(method="find_text", label="Search", max_length=LONGEST_SEARCH)

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        filters = super().get_filters()
        if not cls.search_fields and cls.find is Searching.find:
            filters.pop("search", None)
        return {to_camel(name): one for name, one in filters.items()}

    def find_text(self, queryset: QuerySet, _name: str, text: str) -> QuerySet:
        return self.find(queryset, text)

    @property
    def chosen(self) -> dict[str, Any]:
        """The filters in use, by wire name; malformed ones are left out."""
        self.is_valid()
        values = self.form.cleaned_data
        return {name: value for name, value in values.items() if value not in (None, "", [])}


class WireFilterBackend(DjangoFilterBackend):
    """Applies a view's ``filterset_class``, and remembers whether anything was filtered (totals are capped then)."""

    def filter_queryset(self, request: Request, queryset: QuerySet, view: Any) -> QuerySet:
        filterset = self.get_filterset(request, queryset, view)
        view.is_filtered = bool(filterset and filterset.chosen)
        return super().filter_queryset(request, queryset, view)


def _any_holds(columns: Iterable[str], word: str) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__icontains": word})
    return found


def _day(text: str) -> date | None:
    return parse_date(text) if len(text) <= 10 else None


def _flat(choices: Any) -> list[tuple[Any, Any]]:
    listed = (
        choices() if callable(choices) and not hasattr(choices, "choices") else getattr(choices, "choices", choices)
    )
    return list(listed)
