"""Step conditions in words for staff: "If step 1 was not clicked", "If status is Contacted", "If not converted"."""

from collections.abc import Mapping
from typing import Any

from leads.models import Lead
from sequences.conditions import split

ALWAYS = "Always"
UNREADABLE = "a condition that cannot be read holds"
_RESULTS = {  # what it is, what it is not; {} is the step
    "sent": ("{} was sent", "{} was not sent"),
    "delivered": ("{} was delivered", "{} was not delivered"),
    "replied": ("{} got a reply", "no reply to {}"),
    "clicked": ("{} was clicked", "{} was not clicked"),
    "failed": ("{} failed", "{} did not fail"),
    "answered": ("{} was answered", "{} was not answered"),
    "voicemail": ("{} went to voicemail", "{} did not go to voicemail"),
    "silent": ("nobody spoke on {}", "{} was not silent"),
    "dropped": ("the line of {} dropped", "the line of {} did not drop"),
    "no_answer": ("nobody picked up {}", "{} did not ring out"),
    "busy": ("the line was busy at {}", "the line was not busy at {}"),
    "invalid_number": ("{} had an invalid number", "{} had no invalid number"),
}
_STATUSES = dict(Lead.Status.choices)


def in_words(conditions: Any, steps: Mapping[str, int]) -> str:
    """All conditions as one clause; ``steps`` gives each step's number by its key. "Always" where there are none."""
    if not conditions:
        return ALWAYS
    each = conditions if isinstance(conditions, list) else [conditions]
    return f"If {' and '.join(_clause(one, steps) for one in each)}"


def _clause(condition: Any, steps: Mapping[str, int]) -> str:
    if not isinstance(condition, Mapping):
        return UNREADABLE
    kind, name = split(condition.get("field"))
    op, value = condition.get("op"), condition.get("value")
    if not kind or op not in ("is", "is_not", "in", "exists"):
        return UNREADABLE
    if kind == "converted":
        return _converted(str(op), value)
    if kind == "step":
        return _result(f"step {steps[name]}" if name in steps else "a removed step", str(op), value)
    what = f"meta.{name}" if kind == "meta" else kind
    if op == "exists":
        return f"{what} is {'blank' if value is False else 'set'}"
    return f"{what} {'is not' if op == 'is_not' else 'is'} {_any(_value(kind, one) for one in _list(value, str(op)))}"


def _converted(op: str, value: Any) -> str:
    wanted = {one is True for one in _list(value, op)} if op != "exists" else {value is not False}
    if len(wanted) > 1:
        return "converted or not"
    return "converted" if (True in wanted) is (op != "is_not") else "not converted"


def _result(step: str, op: str, value: Any) -> str:
    if op == "exists":
        return f"{step} was {'left out' if value is False else 'tried'}"
    unknown = (UNREADABLE, UNREADABLE)
    told = [_RESULTS.get(str(one), unknown)[op == "is_not"].format(step) for one in _list(value, op)]
    return _any(told)


def _list(value: Any, op: str) -> list[Any]:
    return value if op == "in" and isinstance(value, list) else [value]


def _any(words: Any) -> str:
    *rest, last = list(words) or [UNREADABLE]
    return f"{', '.join(rest)} or {last}" if rest else last


def _value(kind: str, value: Any) -> str:
    if kind == "status":
        return str(_STATUSES.get(str(value), value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"“{value}”" if isinstance(value, str) else str(value)
