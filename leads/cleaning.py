"""What was said about a lead, made fit to keep: each value cleaned, each problem told with its field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leads import identity
from leads.identity import BadValue
from leads.models import Lead

TEXTS = {"first_name": 120, "last_name": 120, "external_id": 255, "source": 60, "notes": 20_000}
FIELDS = (*TEXTS, "email", "phone", "status", "time_zone", "meta")
CONTACT_POINTS = ("email", "phone")
OURS_IN_META = "optOut"  # consent is ours to write, never a column's or a caller's
LONGEST_META = 100_000

STATUS_WORDS = {
    **{status.value.lower(): status for status in Lead.Status},
    **{status.label.lower(): status for status in Lead.Status},
    "dnc": Lead.Status.DO_NOT_CONTACT,
    "opted out": Lead.Status.DO_NOT_CONTACT,
    "unsubscribed": Lead.Status.DO_NOT_CONTACT,
}


@dataclass(frozen=True)
class Problem:
    """Something about one field that staff should know; ``lead_id`` is the other lead it speaks of."""

    field: str
    code: str
    message: str
    lead_id: str = ""

    def as_json(self) -> dict[str, str]:
        named = {"field": self.field, "code": self.code, "message": self.message}
        return named | ({"lead": self.lead_id} if self.lead_id else {})


@dataclass(frozen=True)
class Row:
    """One person's cleaned values (blank ones left out). ``is_valid`` is False when nobody could be made of it."""

    values: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    is_valid: bool = True


def clean(values: Mapping[str, Any], *, region: str = "", strict: bool = True) -> Row:
    """Clean all values given.

    ``strict``: any problem makes the row invalid. Otherwise, as in files, a bad value is left out with a
    warning, and only a row without any contact point is invalid.
    """
    kept: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in FIELDS:
        given = values.get(name)
        if given in (None, "", {}):
            continue
        try:
            kept |= _CLEANERS[name](name, given, region)
        except BadValue as problem:
            if problem.code != "blank":
                problems.append(Problem(name, problem.code, problem.message))
    kept = {name: value for name, value in kept.items() if value not in ("", {})}
    reachable = any(name in kept for name in CONTACT_POINTS)
    if not reachable and not any(problem.field in CONTACT_POINTS for problem in problems):
        problems.append(Problem("", "no_contact_point", "There is neither an e-mail address nor a phone number."))
    return Row(kept, problems, reachable and not (strict and problems))


def clean_some(values: Mapping[str, Any], *, region: str = "") -> tuple[dict[str, Any], list[Problem]]:
    """Clean what a change gives, blanks too: they empty the field. (values, problems)."""
    kept: dict[str, Any] = {}
    problems: list[Problem] = []
    for name in FIELDS:
        if name not in values:
            continue
        try:
            kept |= _blank(name) if values[name] in (None, "") else _CLEANERS[name](name, values[name], region)
        except BadValue as problem:
            if problem.code == "blank":
                kept |= _blank(name)
            else:
                problems.append(Problem(name, problem.code, problem.message))
    return kept, problems


def _blank(name: str) -> dict[str, Any]:
    if name == "email":
        return {"email": None}
    if name == "phone":
        return {"phone": None, "phone_zones": []}
    if name in {"status", "source"}:
        raise BadValue("required", f"The {name} cannot be blank.")
    return {name: {} if name == "meta" else ""}


def _text(name: str, given: Any, _region: str) -> dict[str, str]:
    return {name: identity.clean_text(str(given), TEXTS[name])}


def _email(_name: str, given: Any, _region: str) -> dict[str, str]:
    return {"email": identity.clean_email(identity.storable(str(given)))}


def _phone(_name: str, given: Any, region: str) -> dict[str, Any]:
    phone = identity.clean_phone(identity.storable(str(given)), region)
    return {"phone": phone.e164, "phone_zones": phone.zones}


def _zone(_name: str, given: Any, _region: str) -> dict[str, str]:
    return {"time_zone": identity.clean_zone(identity.storable(str(given)))}


def _status(_name: str, given: Any, _region: str) -> dict[str, str]:
    word = identity.storable(str(given)).strip()
    status = STATUS_WORDS.get(word.lower())
    if status is None:
        allowed = ", ".join(Lead.Status.labels)
        raise BadValue("status_unknown", f"“{word[:40]}” is no status of a lead. Allowed: {allowed}.")
    return {"status": str(status)}


def _meta(_name: str, given: Any, _region: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BadValue("not_an_object", "The custom fields must be an object of names and values.")
    kept = {name: value for name, value in identity.storable_json(given).items() if name != OURS_IN_META}
    if len(str(kept)) > LONGEST_META:
        raise BadValue("too_long", f"The custom fields have more than {LONGEST_META:,} characters.")
    return {"meta": kept}


_CLEANERS: dict[str, Callable[[str, Any, str], dict[str, Any]]] = {
    **dict.fromkeys(TEXTS, _text),
    "email": _email,
    "phone": _phone,
    "time_zone": _zone,
    "status": _status,
    "meta": _meta,
}
