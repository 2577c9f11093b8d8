"""Who changed what: one AuditEvent per human or API change, in the transaction of the change."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models

from retention_center.lib import logs
from retention_center.models import ApiKey, AuditEvent, User


@dataclass(frozen=True)
class Actor:
    """Whoever acts: a person, an API key, a command, or the system itself."""

    name: str
    via: str  # page, api, admin, command or system
    user: User | None = None
    request_id: str = ""


SYSTEM = Actor("Retention Center", "system")


def actor_of(request: Any, via: str = "page") -> Actor:
    """The actor behind a request: its signed-in user, or the API key that authenticated it."""
    request_id = logs.request_id()
    key = getattr(request, "auth", None)
    if isinstance(key, ApiKey):
        return Actor(f"key {key.name}", "api", None, request_id)
    user = request.user if isinstance(request.user, User) else None
    return Actor(str(user or "nobody"), via, user, request_id)


def record(
    actor: Actor,
    action: str,
    obj: models.Model,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> AuditEvent:
    """Write down that ``actor`` did ``action`` (a verb, "change") to ``obj``; values must be JSON, without secrets."""
    event = _event(actor, action, obj, before or {}, after or {})
    event.save(force_insert=True)
    return event


def _event(actor: Actor, action: str, obj: models.Model, before: dict[str, Any], after: dict[str, Any]) -> AuditEvent:
    return AuditEvent(
        actor=actor.user,
        actor_name=actor.name[:200],
        via=actor.via,
        action=action,
        object_type=obj._meta.label_lower.rpartition(".")[2],
        object_id=str(obj.pk),
        object_label=str(obj)[:200],
        before=before,
        after=after,
        request_id=actor.request_id,
    )


def record_many(
    actor: Actor, action: str, changes: Iterable[tuple[models.Model, dict[str, Any], dict[str, Any]]]
) -> None:
    """The same for many objects at once: (object, values before, values after) of each."""
    AuditEvent.objects.bulk_create(_event(actor, action, *change) for change in changes)


def forget(object_type: str, object_ids: Iterable[str], label: str) -> None:
    """Take the personal data out of the events of erased objects; that something was done, and when, stays."""
    events = AuditEvent.objects.filter(object_type=object_type, object_id__in=list(object_ids))
    events.update(before={}, after={}, object_label=label)


def changed_values(obj: models.Model, before: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the columns in ``before``, those whose value is another now: (old values, new values)."""
    after = snapshot(obj, *before)
    changed = [name for name in before if before[name] != after[name]]
    return {name: before[name] for name in changed}, {name: after[name] for name in changed}


def snapshot(obj: models.Model, *names: str) -> dict[str, Any]:
    """The columns' values as JSON can hold them."""
    values = {name: getattr(obj, name) for name in names}
    return {name: value if _is_json(value) else str(value) for name, value in values.items()}


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | dict)
