"""Inbound events in words: what came, whom it speaks of, and who else it might be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from campaigns.models import ContactAttempt
from integrations.catalogue import PROVIDERS
from integrations.models import InboundEvent
from leads.models import Lead
from leads.searching import finding

MEANINGS = {
    InboundEvent.Status.WAITING: "It is tried again by itself until three days after it came.",
    InboundEvent.Status.APPLIED: "It was acted on, once.",
    InboundEvent.Status.UNMATCHED: "It is kept and waits for somebody to say whom it speaks of.",
    InboundEvent.Status.REFUSED: "It is kept and changed nothing.",
}
FOUND = 5
CONTACTS_BACK = timedelta(days=60)


@dataclass
class Told:
    """An event with whom it speaks of, as far as they are still there."""

    event: InboundEvent
    lead: Lead | None = None
    attempt: ContactAttempt | None = None

    @property
    def provider(self) -> str:
        return provider_of(self.event)


@dataclass
class Candidate:
    """Somebody the event might speak of, with their latest contacts."""

    lead: Lead
    attempts: list[ContactAttempt] = field(default_factory=list)


def provider_of(event: InboundEvent) -> str:
    known = PROVIDERS.get(event.provider)
    return known.label if known else event.provider


def told(events: Iterable[InboundEvent]) -> list[Told]:
    """Two queries, however many there are."""
    events = list(events)
    attempts = ContactAttempt.objects.select_related("script").in_bulk({one.attempt_id for one in events})
    whom = {one.pk: one.lead_id or _lead_of(attempts.get(one.attempt_id)) for one in events}
    leads = Lead.objects.in_bulk({lead_id for lead_id in whom.values() if lead_id})
    return [Told(one, leads.get(whom[one.pk]), attempts.get(one.attempt_id)) for one in events]


def candidates(event: InboundEvent, text: str, now: datetime) -> list[Candidate]:
    """The leads that a search finds, newest first, each with its latest contacts; two queries, none without a text."""
    if not text.strip():
        return []
    found = finding(Lead.objects.present(), text).order_by("-created_at", "-id")[:FOUND]
    people = {lead.pk: Candidate(lead) for lead in found}
    contacts = ContactAttempt.objects.filter(lead__in=people, started_at__gt=now - CONTACTS_BACK)
    for attempt in contacts.select_related("script").order_by("-started_at", "-pk")[: FOUND * 20]:
        of_lead = people[str(attempt.lead_id)].attempts
        if len(of_lead) < FOUND:
            of_lead.append(attempt)
    return list(people.values())


def lines(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested values as one line each: ("result.opened", "true")."""
    found: list[tuple[str, str]] = []
    for name, value in sorted(values.items()):
        if isinstance(value, dict) and value:
            found += lines(value, f"{before}{name}.")
        elif isinstance(value, list):
            found += [(f"{before}{name}", ", ".join(map(_text, value)))]
        else:
            found += [(f"{before}{name}", _text(value))]
    return found


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _lead_of(attempt: ContactAttempt | None) -> str:
    return str(attempt.lead_id or "") if attempt else ""
