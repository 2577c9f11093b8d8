"""A lead's story in one list, newest first: what happened, what did not and why, and what is planned.

Each floor tells its own part (settings.TIMELINES); this module tells of edits and consent, and puts all in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, prefetch_related_objects
from django.utils.module_loading import import_string

from leads import next_contact
from leads.models import Lead
from retention_center.lib.channels import Channel
from retention_center.models import AuditEvent
from retention_center.pages.words import inside

CONTACT, NOT_SENT, REPLY, EDIT, OTHER = "contact", "not_sent", "reply", "edit", "other"
KINDS = {"": "All", CONTACT: "Contacts", NOT_SENT: "Not sent", REPLY: "Replies", EDIT: "Edits"}
NEWEST = 101  # steps that are loaded at once
CHANNEL_NAMES = dict(Channel.choices)


@dataclass(frozen=True)
class Event:
    """One line: ``what`` and its bold ``outcome``, then a line of detail, and where it came from at the end.

    ``happened`` False: it was planned and did not, or not yet, happen. ``mark`` is a status shape with its tone.
    ``at`` is empty only for what is planned without a time.
    """

    at: datetime
    kind: str
    what: str
    mark: str
    tone: str = "idle"
    outcome: str = ""
    detail: str = ""
    origin: str = ""
    origin_href: str = ""
    happened: bool = True
    is_planned: bool = False
    object_type: str = ""
    object_id: str = ""

    @property
    def bold(self) -> str:
        """The outcome; of what did not happen together with why: "skipped: the lead opted out"."""
        return f"{self.outcome}: {inside(self.detail)}" if self._is_told_in_one else self.outcome

    @property
    def second(self) -> str:
        return "" if self._is_told_in_one else self.detail

    @property
    def _is_told_in_one(self) -> bool:
        return bool(self.outcome and self.detail and not self.happened and not self.is_planned)


@dataclass(frozen=True)
class Story:
    """``planned`` soonest last, as it stands above the past; ``past`` newest first; ``earlier``: where more begins."""

    planned: list[Event]
    past: list[Event]
    counts: dict[str, int]
    earlier: datetime | None = None


def of(lead: Lead, *, kind: str = "", before: datetime | None = None, limit: int = 100) -> Story:
    """The newest events of the kind (blank: all) which lie before ``before``: a constant number of queries."""
    load(lead)
    events = own_events(lead, before, limit)
    for path in settings.TIMELINES:
        events += import_string(path)(lead, before, limit)
    counts = {name: sum(1 for event in events if not name or event.kind == name) for name in KINDS}
    wanted = [event for event in events if not kind or event.kind == kind]
    planned = sorted((event for event in wanted if event.is_planned), key=lambda event: event.at, reverse=True)
    past = sorted((event for event in wanted if not event.is_planned), key=lambda event: event.at, reverse=True)
    earlier = past[limit - 1].at if len(past) > limit else None
    return Story(planned if before is None else [], past[:limit], counts, earlier)


def load(lead: Lead) -> None:
    """What the page and the timeline both show of a lead: newest steps, enrollments, conversions; three queries.

    Two for a lead of `with_bare_enrollments`, as a rule: then the enrollments are those of the steps.
    """
    if hasattr(lead, "newest_steps"):
        return
    steps = _rows("step_executions").select_related("sequence", "step__script", "enrollment")
    prefetch_related_objects(
        [lead],
        Prefetch("step_executions", steps.order_by("-scheduled_at", "-id")[:NEWEST], to_attr="newest_steps"),
        Prefetch("conversions", _rows("conversions").select_related("campaign")),
    )
    steps = lead.newest_steps  # type: ignore[attr-defined]
    lead.open_steps = [step for step in steps if step.status in next_contact.OPEN]  # type: ignore[attr-defined]
    lead.enrollments = _enrollments(lead, steps)  # type: ignore[attr-defined]


def with_bare_enrollments(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The leads, each with whether it ever entered a sequence without getting a step there."""
    bare = _rows("sequence_enrollments").filter(lead=OuterRef("pk"), executions=None)
    return leads.annotate(has_bare_enrollments=Exists(bare))


def _enrollments(lead: Any, steps: list[Any]) -> list[Any]:
    """All enrollments, newest first. Where the loaded steps cannot be all that tell of them, they are asked for."""
    if getattr(lead, "has_bare_enrollments", True) or len(steps) >= NEWEST:
        return list(lead.sequence_enrollments.select_related("sequence"))
    found = {step.enrollment_id: step.enrollment for step in steps}
    for step in steps:
        found[step.enrollment_id].sequence = step.sequence
    return sorted(found.values(), key=lambda one: (one.enrolled_at, one.pk), reverse=True)


def _rows(relation: str) -> Any:
    """All rows of the model behind one of the lead's reverse relations, which stands on a higher floor."""
    return Lead._meta.get_field(relation).related_model._default_manager.all()  # type: ignore[union-attr]


def own_events(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    """Edits and consent, from the audit; the adding itself from the lead's own row."""
    done = AuditEvent.objects.filter(object_type="lead", object_id=lead.pk)
    done = done.filter(at__lt=before) if before else done
    events = [_edit(event) for event in done.order_by("-at", "-id")[: limit + 1]]
    if not any(event.mark == "ring" for event in events) and (before is None or lead.created_at < before):
        events.append(Event(lead.created_at, EDIT, "Added", "ring", "move", origin=lead.source))
    return events


_ACTIONS: Mapping[str, tuple[str, str, str]] = {  # action: words, shape, tone
    "create": ("added this lead", "ring", "move"),
    "fill": ("filled blanks", "ring-half", "idle"),
    "change": ("changed", "ring-half", "idle"),
    "do_not_contact": ("marked do not contact", "disc-bar", "bad"),
    "allow_again": ("allowed contact again", "ring-tick", "good"),
    "opt_in": ("took back the opt-out", "ring-tick", "good"),
    "delete": ("deleted this lead", "ring-slash", "idle"),
    "restore": ("restored this lead", "ring-tick", "good"),
    "erase": ("erased this lead", "ring-slash", "bad"),
}
_FIELDS = {"first_name": "first name", "last_name": "last name", "email": "e-mail", "external_id": "external id"}


def _edit(event: AuditEvent) -> Event:
    at, name, after = event.at, event.actor_name, event.after
    ids: dict[str, Any] = {"object_type": "audit", "object_id": event.pk}
    if event.action == "opt_out":
        channel = CHANNEL_NAMES.get(after.get("channel", ""), "all channels")
        what = f"Opted out of {channel if channel == 'SMS' else channel.lower()}"
        return Event(at, EDIT, what, "disc-bar", "bad", origin=f"by {after.get('source', name)}", **ids)
    words, mark, tone = _ACTIONS.get(event.action, (event.action.replace("_", " "), "ring-half", "idle"))
    fields = (
        [_FIELDS.get(field, field.replace("_", " ")) for field in after] if event.action in {"change", "fill"} else []
    )
    what = f"{name} {words}{': ' if event.action == 'fill' and fields else ' '}{', '.join(fields)}".strip()
    return Event(at, EDIT, what, mark, tone, detail=_became(event.before, after), origin=event.via, **ids)


def _became(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """ "+61 491 570 110 became +61 491 570 156", for each short value that changed."""
    changes = []
    for field in before:
        if field in after and not isinstance(after[field], dict | list):
            old, new = before[field] or "blank", after[field] or "blank"
            changes.append(f"{str(old)[:80]} became {str(new)[:80]}")
    return ", ".join(changes)
