"""Audit events in words: the kinds of things, their addresses, and what changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from retention_center.models import AuditEvent, Role
from retention_center.pages import words
from retention_center.pages.navigation import address

SHORT = 60  # characters of a value in a line; the event's own page shows all of it


@dataclass(frozen=True)
class Kind:
    """A kind of thing: its word, the page of one (a URL name that takes its id), and who may read its history."""

    label: str
    route: str = ""
    role: Role = Role.ADMIN
    by_label: bool = False  # its address is made of its label instead of its id


KINDS: Mapping[str, Kind] = {
    "lead": Kind("Lead", "lead", Role.VIEWER),
    "campaign": Kind("Campaign", "campaign", Role.VIEWER),
    "script": Kind("Script", "script", Role.VIEWER),
    "retentionsequence": Kind("Sequence", "sequence", Role.VIEWER),
    "sequenceenrollment": Kind("Enrollment", "enrollment", Role.VIEWER),
    "contactattempt": Kind("Attempt", "attempt", Role.VIEWER),
    "conversion": Kind("Conversion", "conversion", Role.VIEWER),
    "integrationconfig": Kind("Integration", "integration", Role.VIEWER, by_label=True),
    "contactpolicy": Kind("Contact policy", "", Role.VIEWER),
    "sendingpause": Kind("Stop of sending", "", Role.VIEWER),
    "inboundevent": Kind("Inbound event", "inbox-event"),
    "importjob": Kind("Import", "import"),
    "suppression": Kind("Suppression"),
    "conversionrule": Kind("Conversion rule"),
    "abtest": Kind("A/B test"),
    "job": Kind("Job"),
    "user": Kind("Person"),
    "apikey": Kind("API key"),
}


@dataclass(frozen=True)
class Change:
    """One value of a thing, before and after; either is empty where there was none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    """An event as one line of a history."""

    at: datetime
    text: str
    detail: str
    origin: str

    @property
    def day(self) -> date:
        """Its day in the reader's zone."""
        return timezone.localtime(self.at).date()


def kind_of(object_type: str) -> Kind:
    """The kind, also of one that has no words of its own: admins read it."""
    return KINDS.get(object_type) or Kind(object_type.capitalize())


def kind_choices() -> list[tuple[str, str]]:
    return sorted(((name, kind.label) for name, kind in KINDS.items()), key=lambda pair: pair[1])


def thing_address(event: AuditEvent) -> str:
    """The page of what was changed, or nothing where it has none or is deleted."""
    kind = kind_of(event.object_type)
    key = event.object_label if kind.by_label else event.object_id
    return address(kind.route, key) if kind.route and key and event.action not in {"delete", "erase"} else ""


def changes_of(event: AuditEvent) -> list[Change]:
    """Every value that the event names, in full."""
    before, after = _as_mapping(event.before), _as_mapping(event.after)
    names = [*before, *(name for name in after if name not in before)]
    return [Change(label(name), in_full(before.get(name)), in_full(after.get(name))) for name in names]


def in_short(event: AuditEvent) -> str:
    """What changed, in a line: "name was “A”, is “B”"."""
    before, after = _as_mapping(event.before), _as_mapping(event.after)
    told = []
    for name in [*before, *(name for name in after if name not in before)]:
        was, now = _short(before.get(name)), _short(after.get(name))
        if name not in after:
            told.append(f"{label(name)} was {was}")
        elif name not in before:
            told.append(f"{label(name)} {now}")
        else:
            told.append(f"{label(name)} was {was}, is {now}")
    return "; ".join(told)


def line_of(event: AuditEvent) -> Line:
    """The event for a history: who did what, and what changed."""
    via = {"api": "by the API", "admin": "in the configuration", "command": "by a command"}
    return Line(event.at, f"{event.actor_name}: {event.action}", in_short(event), via.get(event.via, ""))


def label(name: str) -> str:
    """A column's or wire name as words: "start_date" and "startDate" are "start date"."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return spaced.replace("_", " ").strip()


def in_full(value: Any) -> str:
    """A value as text, lists and objects as JSON."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return str(value)


def _short(value: Any) -> str:
    if isinstance(value, list | dict) and value:
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = _time(value) or in_full(value if value not in ([], {}) else "")
    if not text:
        return "blank"
    text = " ".join(text.split())
    return f"“{text[:SHORT]}…”" if len(text) > SHORT else f"“{text}”"


def _time(value: Any) -> str:
    """A stored time as staff read times; nothing for any other value."""
    try:
        at = parse_datetime(value) if isinstance(value, str) and 19 <= len(value) <= 32 else None
        return words.exact(at) if at is not None and timezone.is_aware(at) else ""
    except (ValueError, OverflowError):  # it only looks like one, or lies beyond what zones can tell
        return ""


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
