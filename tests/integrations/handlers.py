"""Handlers for the inbox's tests; each leaves a mark in the database, to show what was kept and what undone."""

from datetime import datetime

from integrations import inbox
from integrations.models import InboundEvent, IntegrationConfig
from tests.builders import make_integration


def leave_a_mark(event: InboundEvent, now: datetime) -> None:
    make_integration("webhook", marks=event.pk, at=now.isoformat())


def leave_a_mark_once(event: InboundEvent, _now: datetime) -> None:
    """Fails when it is run a second time."""
    IntegrationConfig.objects.create(provider="webhook", type="webhook", config={"marks": event.pk})


def stumble(_event: InboundEvent, _now: datetime) -> None:
    raise RuntimeError("boom")


def not_yet(_event: InboundEvent, _now: datetime) -> None:
    raise inbox.NotYet


def nobody(_event: InboundEvent, _now: datetime) -> None:
    raise inbox.Unmatched("No such person.")


def refuse(_event: InboundEvent, _now: datetime) -> None:
    raise inbox.Refuse("Not for us.")


def keep_for_nobody(event: InboundEvent, now: datetime) -> str:
    leave_a_mark(event, now)
    return "Kept, but it belongs to nobody we know."
