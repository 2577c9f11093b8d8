"""Earlier texts of a script, told from its audit, and putting one back."""

from dataclasses import dataclass
from datetime import datetime

from campaigns import scripting
from campaigns.models import Script
from retention_center import audit
from retention_center.models import AuditEvent

TEXT = ("subject", "content", "content_type")
MOST = 100


@dataclass(frozen=True)
class Version:
    """A text as it stood since ``at``; ``event_id`` names it."""

    event_id: str
    at: datetime
    who: str
    subject: str
    content: str
    content_type: str
    is_live: bool


class NoSuchVersion(Exception):
    """The script never had this text; the message says so for staff."""


def of(script: Script) -> list[Version]:
    """The script's texts, newest first: from the present one backwards, undoing one change after another."""
    standing = {name: str(getattr(script, name)) for name in TEXT}
    found: list[Version] = []
    events = AuditEvent.objects.filter(object_type="script", object_id=script.pk).order_by("-at", "-pk")
    for event in events[: MOST * 4]:
        touched = [name for name in TEXT if name in event.after]
        if not touched:
            continue
        found.append(Version(event.pk, event.at, event.actor_name, is_live=not found, **standing))
        standing |= {name: str(event.before[name]) for name in touched if name in event.before}
        if len(found) == MOST:
            break
    return found


def restore(script: Script, event_id: str, actor: audit.Actor) -> Version:
    """Give the script the text it had after that change. Raises NoSuchVersion, or ValidationError as any change."""
    chosen = next((version for version in of(script) if version.event_id == event_id), None)
    if chosen is None:
        raise NoSuchVersion("This script never had that text.")
    scripting.change(script, {name: getattr(chosen, name) for name in TEXT}, actor)
    return chosen
