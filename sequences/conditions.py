"""Step conditions: what must be true of a lead when a step is due, or the step is left out. Pure.

A condition is ``{"field", "op", "value"}``; of a step's conditions all must hold. They are judged when the step is
due, not when it was planned. Fields: ``status`` and ``source`` of the lead, ``meta.<name>`` (dots lead into nested
objects), ``converted`` (a pending or confirmed conversion, as the no_conversion trigger counts them) and
``step.<key>.result``: what came of an earlier step in the same run. Ops:

- ``is``, ``is_not``: the value is, or is not, this one; upper and lower case are the same, and so are 3 and "3";
- ``in``: it is one of a list;
- ``exists``: there is a value (or, with the value false, there is none).

A field may have several values at once: a clicked message was also sent and delivered, and a list in ``meta`` has
each of its items. A step that was left out, or never reached in this run, has no result: it *is not* anything.
That also holds for a step which a later version removed: whoever got it keeps the result, by its key.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import ContactAttempt
from leads.models import Lead
from sequences.models import SequenceStepExecution

OPS = ("is", "is_not", "in", "exists")
CALL_RESULTS = ("answered", "voicemail", "silent", "dropped", "no_answer", "busy", "invalid_number")
RESULTS = ("sent", "delivered", "replied", "clicked", "failed", *CALL_RESULTS)
MOST_CONDITIONS = 20
MOST_VALUES = 50
LONGEST_VALUE = 255
LARGEST_NUMBER = 10**15
STATUS = SequenceStepExecution.Status
ATTEMPT = ContactAttempt.Status
_NOTHING: tuple[bool, frozenset[str]] = (False, frozenset())


class BadConditions(Exception):
    """Conditions that cannot be kept; ``sentences`` has one for each problem, and names its condition."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = list(sentences)


class _Bad(Exception):
    """What is wrong with one condition, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What conditions look at. ``results`` are those of the run's earlier steps, by key."""

    status: str = ""
    source: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    converted: bool = False
    results: Mapping[str, frozenset[str]] = field(default_factory=dict)


# Judging -------------------------------------------------------------------------------------------------------------


def holds(conditions: Any, facts: ConditionFacts) -> bool:
    """Whether all conditions hold. Never raises: what cannot be read does not hold."""
    return not first_unmet(conditions, facts)


def first_unmet(conditions: Any, facts: ConditionFacts) -> list[Any]:
    """The first condition that does not hold, alone in a list, which is empty when all hold."""
    each = conditions if isinstance(conditions, list) else [conditions] if conditions else []
    return [one for one in each if not _holds(one, facts)][:1]


def _holds(condition: Any, facts: ConditionFacts) -> bool:
    if not isinstance(condition, Mapping):
        return False
    kind, name = split(condition.get("field"))
    if not kind:
        return False
    is_there, values = _values(kind, name, facts)
    wanted = condition.get("value")
    match condition.get("op"):
        case "is":
            return _text(wanted) in values
        case "is_not":
            return _text(wanted) not in values
        case "in":
            return isinstance(wanted, list) and any(_text(one) in values for one in wanted)
        case "exists":
            return is_there is (wanted is not False)
    return False


def split(name: Any) -> tuple[str, str]:
    """A field's kind and the name in it: ("meta", "plan"), ("step", its key), ("status", ""); ("", "") for none."""
    if not isinstance(name, str):
        return "", ""
    if name in {"status", "source", "converted"}:
        return name, ""
    if name.startswith("meta.") and len(name) > len("meta."):
        return "meta", name.removeprefix("meta.")
    if name.startswith("step.") and name.endswith(".result") and len(name) > len("step..result"):
        return "step", name.removeprefix("step.").removesuffix(".result")
    return "", ""


def _values(kind: str, name: str, facts: ConditionFacts) -> tuple[bool, frozenset[str]]:
    """Whether the field has a value, and its values as comparable text."""
    match kind:
        case "status":
            return _values_of(facts.status)
        case "source":
            return _values_of(facts.source)
        case "converted":
            return facts.converted, frozenset([_text(facts.converted)])
        case "meta":
            return _values_of(_inside(facts.meta, name))
    results = facts.results.get(name, frozenset())
    return bool(results), results


def _inside(meta: Any, name: str) -> Any:
    """The value under the whole name, else under its parts, one inside the other."""
    if not isinstance(meta, Mapping):
        return None
    if name in meta:
        return meta[name]
    first, _, rest = name.partition(".")
    return _inside(meta.get(first), rest) if rest else None


def _values_of(value: Any) -> tuple[bool, frozenset[str]]:
    if value is None or value in ("", [], {}):
        return _NOTHING
    items = value if isinstance(value, list) else [value]
    return True, frozenset(_text(one) for one in items if not isinstance(one, (list, Mapping)))


def _text(value: Any) -> str:
    """The value as it is compared: 3, 3.0 and "3" are the same, and so are VIP and "vip"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value) if abs(value) < LARGEST_NUMBER else hex(value)  # Python refuses to print endless numbers
    return str(value).strip().casefold() if isinstance(value, (str, float)) else ""


# What came of a step -------------------------------------------------------------------------------------------------


def results_of(
    status: str, attempt_status: str | None, was_unsent: bool | None, flags: Mapping[str, Any] | None
) -> frozenset[str]:
    """The results of an execution, from its own status and its last attempt's.

    Sent: a provider took it, whatever came later. Delivered: proof of arrival, which a reply or a click also is.
    Failed: it did not arrive, as far as we know; a step left out after the provider refused it has failed too.
    A call also has how it ended, once it did: answered, voicemail, silent (picked up, nobody spoke) and dropped (the
    line failed in the middle) were delivered; no_answer, busy and invalid_number failed, as do others without a word.
    """
    flags = flags or {}
    heard = {name for name in ("replied", "clicked") if flags.get(name)}
    found = heard | {name for name in CALL_RESULTS if flags.get("outcome") == name}
    if heard or status == STATUS.DELIVERED or attempt_status in {ATTEMPT.DELIVERED, ATTEMPT.SUCCESS}:
        found |= {"sent", "delivered"}
    elif status == STATUS.FAILED or attempt_status in {ATTEMPT.FAILED, ATTEMPT.BOUNCED}:
        found.add("failed")
    was_taken = attempt_status in {*ContactAttempt.ACCEPTED, ATTEMPT.FAILED} and not was_unsent
    if status == STATUS.SENT or was_taken:
        found.add("sent")
    return frozenset(found)


# Before saving -------------------------------------------------------------------------------------------------------


def checked(given: Any, earlier: Collection[str]) -> list[dict[str, Any]]:
    """The conditions as they are kept; raises BadConditions. ``earlier``: the keys of the steps before this one."""
    if not isinstance(given, list):
        raise BadConditions(["Conditions are a list of objects with field, op and value."])
    if len(given) > MOST_CONDITIONS:
        raise BadConditions([f"A step has at most {MOST_CONDITIONS} conditions; these are {len(given)}."])
    kept: list[dict[str, Any]] = []
    wrong: list[str] = []
    for number, one in enumerate(given, 1):
        try:
            kept.append(_checked(one, earlier))
        except _Bad as bad:
            wrong.append(f"Condition {number}: {bad}")
    if wrong:
        raise BadConditions(wrong)
    return kept


def _checked(one: Any, earlier: Collection[str]) -> dict[str, Any]:
    if not isinstance(one, Mapping) or set(one) - {"field", "op", "value"}:
        raise _Bad("it is an object with field, op and value, and nothing else.")
    kind, name = split(one.get("field"))
    if one.get("field") == "meta.":
        raise _Bad("say which meta field, such as meta.plan.")
    if not kind or len(name) > LONGEST_VALUE:
        raise _Bad("its field is status, source, converted, meta.<name> or step.<key>.result.")
    if kind == "step" and name not in earlier:
        raise _Bad(f"it speaks of the step “{name[:40]}”, which does not stand before this one.")
    op, value = one.get("op"), one.get("value")
    if op not in OPS:
        raise _Bad(f"its op must be one of {', '.join(OPS)}.")
    return {"field": one["field"], "op": op, "value": _checked_value(kind, str(op), value)}


def _checked_value(kind: str, op: str, value: Any) -> Any:
    if op == "exists":
        if value is not None and not isinstance(value, bool):
            raise _Bad("with exists its value is true or false.")
        return value is not False
    if op != "in":
        return _checked_one(kind, value)
    if not isinstance(value, list) or not 0 < len(value) <= MOST_VALUES:
        raise _Bad(f"with in its value is a list of 1 to {MOST_VALUES} values.")
    return [_checked_one(kind, one) for one in value]


def _checked_one(kind: str, value: Any) -> Any:
    if kind == "status" and value not in Lead.Status.values:
        raise _Bad(f"a lead's status is {_listed(Lead.Status.values)}.")
    if kind == "step" and value not in RESULTS:
        raise _Bad(f"a step's result is {_listed(RESULTS)}.")
    if kind == "converted" and not isinstance(value, bool):
        raise _Bad("converted is true or false.")
    if kind in {"source", "meta"} and isinstance(value, str) and not 0 < len(value.strip()) <= LONGEST_VALUE:
        raise _Bad(f"its value is a text of 1 to {LONGEST_VALUE} characters; for none, use exists with false.")
    if kind == "source" and not isinstance(value, str):
        raise _Bad("a source is a text.")
    if kind == "meta" and not _is_plain(value):
        raise _Bad("a meta field is compared with a text, a number, true or false.")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (str, bool)):
        return True
    return isinstance(value, (int, float)) and abs(value) < LARGEST_NUMBER  # neither is NaN


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
