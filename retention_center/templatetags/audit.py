"""The history of a thing, for its own page."""

from typing import Any

from django import template
from django.db.models import Model

from retention_center.models import AuditEvent
from retention_center.pages.audit_words import in_short, kind_of, line_of

register = template.Library()
LATEST = 6


@register.inclusion_tag("components/history.html", takes_context=True)
def history(context: template.Context, obj: Model | None) -> dict[str, Any]:
    """The latest changes of a saved row, and the way to all of them: ``{% history script %}``."""
    if obj is None or obj._state.adding:
        return {"lines": []}
    object_type = obj._meta.label_lower.rpartition(".")[2]
    events = AuditEvent.objects.filter(object_type=object_type, object_id=str(obj.pk)).order_by("-at", "-pk")
    found = list(events[: LATEST + 1])
    return {
        "lines": [line_of(event) for event in found[:LATEST]],
        "has_more": len(found) > LATEST,
        "object_type": object_type,
        "object_id": str(obj.pk),
    }


@register.filter
def audit_kind(event: AuditEvent) -> str:
    """The kind of thing that was changed: "API key"."""
    return kind_of(event.object_type).label


@register.filter
def audit_change(event: AuditEvent) -> str:
    """What changed, in a line."""
    return in_short(event)
