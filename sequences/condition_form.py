"""Step conditions as the builder's form holds them: typed, chosen from lists, and turned into what is kept."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.http import QueryDict

from leads.models import Lead
from retention_center.api.text import is_storable
from sequences.conditions import LONGEST_VALUE, MOST_CONDITIONS, RESULTS, split

OPS = {"is": "is", "is_not": "is not", "in": "is one of", "exists": "is set", "missing": "is not set"}
LONGEST_TYPED = 20_000
YES_NO = [("yes", "yes"), ("no", "no")]
STATUSES = [(value, str(label)) for value, label in Lead.Status.choices]
_CODES = {label.casefold(): value for value, label in STATUSES}


@dataclass
class Typed:
    """One condition. ``what``: status, source, converted, meta (then ``name`` says which), or step:<key>.

    ``value`` is text; with ``in`` several, parted by commas. One that has a comma itself stands in quotes.
    """

    what: str = "status"
    op: str = "is"
    value: str = Lead.Status.CONTACTED
    name: str = ""

    @classmethod
    def of(cls, condition: Any) -> Self:
        """What is kept, as the form shows it; what cannot be read becomes a condition to be filled in."""
        told: Mapping[str, Any] = condition if isinstance(condition, Mapping) else {}
        kind, name = split(told.get("field"))
        op, value = told.get("op"), told.get("value")
        if op == "exists":
            return cls(_what(kind, name), "exists" if value is not False else "missing", "", _meta_name(kind, name))
        if op == "in" and isinstance(value, list):
            return cls(_what(kind, name), op, _joined([_as_typed(kind, one) for one in value]), _meta_name(kind, name))
        return cls(_what(kind, name), op if op in OPS else "is", _as_typed(kind, value), _meta_name(kind, name))

    @classmethod
    def posted(cls, post: QueryDict, uid: str, number: int, *, is_final: bool) -> Self:
        """As posted. A value of what was chosen before, or that does not fit, becomes the first that does.

        With ``is_final`` it becomes blank instead: nothing is published that nobody saw.
        """

        def given(part: str, most: int) -> str:
            text = post.get(f"{uid}-{part}{number}", "")[:most]
            return text if is_storable(text) else ""

        op = given("op", 10)
        typed = cls(
            given("if", 60), op if op in OPS else "is", given("value", LONGEST_TYPED), given("meta", LONGEST_VALUE)
        )
        was = cls(given("was", 60) or typed.what, typed.op)
        is_stale = typed.value not in dict(typed.choices) if typed.choices else bool(was.choices)
        if is_stale:
            first = next(iter(dict(typed.choices)), "")
            typed.value = "" if is_final else first
        return typed

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What the value is chosen from; empty where it is typed, or there is none."""
        if self.op not in {"is", "is_not"}:
            return []
        if self.what.startswith("step:"):
            return [(result, result.replace("_", " ")) for result in RESULTS]
        return {"status": STATUSES, "converted": YES_NO}.get(self.what, [])

    @property
    def takes_value(self) -> bool:
        return self.op in {"is", "is_not", "in"}

    @property
    def is_list(self) -> bool:
        return self.op == "in"

    def as_condition(self) -> dict[str, Any]:
        """What would be kept, as `sequences.conditions.checked` takes it."""
        if not self.takes_value:
            return {"field": self._field(), "op": "exists", "value": self.op == "exists"}
        if not self.is_list:
            return {"field": self._field(), "op": self.op, "value": self._meant(self.value)}
        values = [self._meant(one) for one in _parted(self.value) if one.strip()]
        return {"field": self._field(), "op": "in", "value": values}

    def _field(self) -> str:
        if self.what.startswith("step:"):
            return f"step.{self.what.removeprefix('step:')}.result"
        return f"meta.{self.name.strip()}" if self.what == "meta" else self.what

    def _meant(self, text: str) -> Any:
        text = text.strip()
        if self.what == "converted":
            return {"yes": True, "no": False}.get(text.lower(), text)
        if self.what == "status":
            return _CODES.get(text.casefold(), text.upper())
        return text.lower().replace(" ", "_") if self.what.startswith("step:") else text


def posted(post: QueryDict, uid: str) -> list[Typed]:
    """The conditions of a step, in order, as far as their fields are there."""
    is_final = post.get("do", "publish") == "publish"
    numbers = [number for number in range(MOST_CONDITIONS) if f"{uid}-if{number}" in post]
    return [Typed.posted(post, uid, number, is_final=is_final) for number in numbers]


def fields(earlier: Sequence[tuple[str, int, str]], chosen: Sequence[Typed]) -> list[tuple[str, str]]:
    """What a condition may speak of; ``earlier`` steps are (key, number, name). What is chosen stays in sight."""
    steps = [(f"step:{key}", f"Step {number}, {name}") for key, number, name in earlier]
    known = {value for value, _label in steps}
    lost = [typed.what for typed in chosen if typed.what.startswith("step:") and typed.what not in known]
    steps += [(what, "A step that is not before this one") for what in dict.fromkeys(lost)]
    return [
        ("status", "Lead status"),
        ("source", "Lead source"),
        ("converted", "Converted"),
        ("meta", "Meta field"),
        *steps,
    ]


def _what(kind: str, name: str) -> str:
    return f"step:{name}" if kind == "step" else kind


def _meta_name(kind: str, name: str) -> str:
    return name if kind == "meta" else ""


def _as_typed(kind: str, value: Any) -> str:
    if isinstance(value, bool):
        yes, no = ("yes", "no") if kind == "converted" else ("true", "false")
        return yes if value else no
    return "" if value is None else str(value)


def _joined(values: Sequence[str]) -> str:
    return ", ".join('"{}"'.format(one.replace('"', '""')) if {",", '"'} & set(one) else one for one in values)


def _parted(text: str) -> list[str]:
    return next(csv.reader([" ".join(text.split("\n"))], skipinitialspace=True), [])
