"""When a lead is contacted next, and why then: as it stands written in the open steps and campaign places.

Lists and the head of the lead page show this, which costs next to nothing. What the rules will make of it is
`outlook`, which the lead's page and the wire tell.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce, Least
from django.utils.module_loading import import_string

from leads.models import Lead
from retention_center.lib.channels import Channel

OPEN = ("SCHEDULED", "PENDING")
WAITING = ("PENDING", "CONTACTED")


@dataclass(frozen=True)
class Next:
    """The next planned contact. ``at`` empty: it waits for somebody. ``held_reason`` blank: as planned.

    ``name`` is "Step 3", ``owner`` the sequence or campaign it belongs to, ``href`` where more of it is told.
    """

    channel: str
    at: datetime | None
    name: str
    owner: Any
    href: str
    held_reason: str = ""
    held_since: datetime | None = None
    is_in_flight: bool = False
    failures: int = 0
    has_conditions: bool = False

    @property
    def channel_name(self) -> str:
        return Channel(self.channel).label if self.channel else "Contact"

    @property
    def is_held(self) -> bool:
        return bool(self.held_reason)

    @property
    def why(self) -> str:
        """The rule that set the time, in words."""
        if self.is_held:
            return import_string(settings.REASON_SENTENCE)(self.held_reason)
        if self.failures:
            return "Tried once, the provider refused it"
        depends = ", if its conditions hold then" if self.has_conditions else ""
        return f"{self.name}, as planned{depends}"


def outlook(lead: Lead, now: datetime) -> Any:
    """Everything open for the lead and what the processor will do with it; `campaigns.outlook.Outlook`."""
    return import_string(settings.OUTLOOK)(lead, now)


def with_next(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The leads with open steps (``open_steps``) and places (``open_places``), two queries more; and in their own
    query the newest attempt: ``last_at``, ``last_channel``, ``last_status``.
    """
    attempts = Lead._meta.get_field("contact_attempts").related_model._default_manager
    newest = attempts.filter(lead=OuterRef("pk")).order_by("-started_at", "-id")
    return leads.annotate(
        last_at=Subquery(newest.values("started_at")[:1]),
        last_channel=Subquery(newest.values("channel")[:1]),
        last_status=Subquery(newest.values("status")[:1]),
    ).prefetch_related(
        Prefetch("step_executions", _open_steps(), to_attr="open_steps"),
        Prefetch("campaign_leads", open_places(), to_attr="open_places"),
    )


def with_open_attempts(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The leads, each with whether anything sent to them is of unknown outcome: `outlook` then need not ask."""
    attempts = Lead._meta.get_field("contact_attempts").related_model._default_manager
    open_ones = attempts.filter(lead=OuterRef("pk"), status__in=("PENDING", "UNKNOWN"))
    return leads.annotate(has_open_attempts=Exists(open_ones))


def soonest_at() -> Any:
    """The time of the lead's soonest open contact, for sorting; looked up by the indexes of steps and places."""
    step = Subquery(_open_steps().filter(lead=OuterRef("pk")).order_by("due_at").values("due_at")[:1])
    place = Subquery(open_places().filter(lead=OuterRef("pk")).values("due_at")[:1])
    return Least(Coalesce(step, place), Coalesce(place, step))


def _open_steps() -> Any:
    steps = Lead._meta.get_field("step_executions").related_model._default_manager
    return steps.filter(status__in=OPEN).select_related("sequence", "step", "enrollment").order_by("scheduled_at")


def open_places() -> Any:
    """The places in campaigns with a contact to come."""
    places = Lead._meta.get_field("campaign_leads").related_model._default_manager
    return places.filter(status__in=WAITING, campaign__status="ACTIVE").select_related("campaign").order_by("due_at")


def of(lead: Lead) -> Next | None:
    """The soonest open contact; one in flight comes first, one that waits for staff last."""
    steps = getattr(lead, "open_steps", None)
    places = getattr(lead, "open_places", None)
    steps = _open_steps().filter(lead=lead) if steps is None else steps
    places = open_places().filter(lead=lead) if places is None else places
    found = [_of_step(step) for step in steps] + [_of_place(place) for place in places if place.next_channel]
    return min(found, key=_order, default=None)


def _of_step(step: Any) -> Next:
    return Next(
        channel=step.step.channel,
        at=step.held_until or step.due_at or (None if step.held_reason else step.scheduled_at),
        name=f"Step {step.step.step_order}",
        owner=step.sequence,
        href=step.enrollment.get_absolute_url(),
        held_reason=step.held_reason,
        held_since=step.held_since,
        is_in_flight=step.status == "PENDING",
        failures=step.failures,
        has_conditions=bool(step.step.conditions),
    )


def _of_place(place: Any) -> Next:
    return Next(
        channel=place.next_channel,
        at=place.held_until or place.due_at,
        name=f"Contact {len(place.done) + 1}",
        owner=place.campaign,
        href=place.campaign.get_absolute_url(),
        held_reason=place.held_reason,
        held_since=place.held_since,
        is_in_flight=place.is_in_flight,
        failures=place.failures,
    )


def _order(one: Next) -> tuple[bool, bool, float]:
    return not one.is_in_flight, one.at is None, one.at.timestamp() if one.at else 0.0
