"""When a lead is contacted next, and why then: read from its open steps, which a higher floor wrote."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils.module_loading import import_string

from leads.models import Lead

OPEN = ("SCHEDULED", "PENDING")


@dataclass(frozen=True)
class Next:
    """The next planned contact. ``at`` empty: it waits for staff. ``step`` is the execution it is read from."""

    channel: str
    at: datetime | None
    reason: str
    step: Any

    @property
    def is_held(self) -> bool:
        return bool(self.step.held_reason)

    @property
    def is_in_flight(self) -> bool:
        return self.step.status == "PENDING"

    @property
    def why(self) -> str:
        """The rule that set the time, in words."""
        if self.is_held:
            return import_string(settings.REASON_SENTENCE)(self.step.held_reason)
        if self.step.failures:
            return "Tried once, the provider refused it"
        depends = ", if its conditions hold then" if self.step.step.conditions else ""
        return f"Step {self.step.step.step_order}, as planned{depends}"


def with_next(leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """The leads, each with its open steps (``open_steps``) and newest attempt (``last_attempts``): two queries more."""
    steps = Lead._meta.get_field("step_executions").related_model._default_manager
    attempts = Lead._meta.get_field("contact_attempts").related_model._default_manager
    open_steps = steps.filter(status__in=OPEN).select_related("sequence", "step", "enrollment").order_by("scheduled_at")
    newest = attempts.select_related(None).order_by("-started_at", "-id")[:1]
    return leads.prefetch_related(
        Prefetch("step_executions", open_steps, to_attr="open_steps"),
        Prefetch("contact_attempts", newest, to_attr="last_attempts"),
    )


def of(lead: Lead) -> Next | None:
    """The soonest of the lead's open steps; one in flight comes first, one that waits for staff last."""
    steps = getattr(lead, "open_steps", None)
    if steps is None:
        open_steps = lead.step_executions.filter(status__in=OPEN)
        steps = list(open_steps.select_related("sequence", "step", "enrollment"))
    if not steps:
        return None
    step = min(steps, key=_order)
    at = step.held_until or step.due_at or (None if step.held_reason else step.scheduled_at)
    reason = step.held_reason or ("in_flight" if step.status == "PENDING" else "planned")
    return Next(step.step.channel, at, reason, step)


def _order(step: Any) -> tuple[bool, bool, float]:
    at = step.due_at or step.held_until
    return step.status != "PENDING", at is None, at.timestamp() if at else 0.0
