"""A sequence's audit events as sentences for staff."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.utils import timezone

from retention_center.models import AuditEvent
from retention_center.pages import words

_LABELS = {
    "name": "name",
    "description": "description",
    "trigger_type": "trigger",
    "trigger_config": "trigger settings",
    "stop_on_reply": "stop on reply",
}
_SAID = {
    "create": "made it",
    "paused": "paused it",
    "archived": "archived it",
    "delete": "deleted it",
}


@dataclass(frozen=True)
class Told:
    """One event: who did what, and what changed."""

    at: datetime
    who: str
    what: str
    detail: str
    via: str
    icon: str


def by_day(events: Iterable[AuditEvent]) -> list[tuple[datetime, list[Told]]]:
    """The events of each day in the reader's zone, in the order given."""
    told = [_told(event) for event in events]
    grouped = groupby(told, key=lambda one: timezone.localtime(one.at).date())
    return [(group[0].at, group) for _day, events_ in grouped if (group := list(events_))]


def _told(event: AuditEvent) -> Told:
    what, detail, icon = _words(event.action, event.before, event.after)
    return Told(event.at, event.actor_name, what, detail, event.via, icon)


def _words(action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, str, str]:
    match action:
        case "publish steps":
            told = words.plural(len(after.get("steps", [])), "step")
            to = after.get("rolledBackTo")
            return (
                f"published version {after.get('version', '')}{f', back to version {to}' if to else ''}",
                f"{told}. {_steps_changed(before, after)}",
                "sequence",
            )
        case "draft steps":
            told = words.plural(len(after.get("steps", [])), "step")
            return f"saved a draft of version {after.get('version', 0) + 1}", f"{told}.", "edit"
        case "discard draft":
            told = words.plural(len(before.get("steps", [])), "step")
            return f"discarded the draft of version {before.get('version', 0) + 1}", f"It had {told}.", "trash"
        case "enroll":
            skipped = after.get("skipped", 0)
            return (
                f"enrolled {words.plural(after.get('enrolled', 0), 'lead')}",
                f"{skipped:,} left out." if skipped else "",
                "lead-plus",
            )
        case "activate":
            existing = (
                "Also those who matched already."
                if after.get("takesExisting")
                else "Only leads that match from then on."
            )
            return "activated it", existing, "play"
        case "change":
            changes = [
                f"{_LABELS.get(name, name)} was {_value(before.get(name))}, is {_value(value)}"
                for name, value in after.items()
            ]
            return "changed it", "; ".join(changes), "edit"
    return _SAID.get(action, action), "", {"paused": "pause", "archived": "file"}.get(action, "edit")


def _steps_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    old = {step["key"]: step for step in before.get("steps", [])}
    new = {step["key"]: step for step in after.get("steps", [])}
    changed = sum(old[key] != new[key] for key in old.keys() & new.keys())
    counts = [(len(new.keys() - old.keys()), "new"), (len(old.keys() - new.keys()), "removed"), (changed, "changed")]
    told = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{told.capitalize()}." if told else "The same steps in another order, or nothing changed."


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {one}" for key, one in value.items()) or "blank"
    return f"“{value}”" if value not in (None, "") else "blank"
