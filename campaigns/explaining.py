"""May we contact this lead then? Each rule for itself, as a row of ticks: the same facts that the engine decides by."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaigns.delivery.facts import surroundings
from campaigns.policy import Facts, contacts_today, opens_at
from campaigns.rules import zones_of
from leads import suppression
from leads.models import Lead
from retention_center.lib.channels import Channel
from retention_center.pages.words import planned, span


@dataclass(frozen=True)
class Check:
    """One rule's answer: OK, WAIT, NO (a status of ``Check``), and its words."""

    status: str
    words: str


def checks_for(lead: Lead, channel: str, at: datetime, now: datetime) -> list[Check]:
    """Consent, cap, gap, window and provider for a contact on the channel at ``at``; six queries."""
    around = surroundings([lead], at)
    facts = Facts(
        zones=zones_of(lead),
        rules=around.rules_of_lead.get(lead.pk, around.rules),
        contacts=tuple(around.contacts.get(lead.pk, ())),
        provider=around.providers.choose(channel),
    )
    name = Channel(channel).label if channel == Channel.SMS else Channel(channel).label.lower()
    address = lead.address_for(channel)
    barred = lead.status == Lead.Status.DO_NOT_CONTACT
    barred = barred or (bool(address) and suppression.is_suppressed(str(address), channel, around.suppressed))
    return [
        _consent(name, address, barred=barred),
        _cap(facts, at),
        _gap(facts, at),
        _window(facts, at, now),
        Check("OK", f"{facts.provider} is active") if facts.provider else Check("WAIT", f"No provider for {name}"),
    ]


def _consent(name: str, address: str | None, *, barred: bool) -> Check:
    if not address:
        return Check("NO", f"No address for {name}")
    return Check("NO", f"Opted out of {name}") if barred else Check("OK", f"Consent, {name}")


def _cap(facts: Facts, at: datetime) -> Check:
    done, day = contacts_today(facts, at), at.astimezone(ZoneInfo(facts.zones.main))
    return Check("OK" if done < facts.rules.cap else "WAIT", f"Cap, {done} of {facts.rules.cap} on {day:%a}")


def _gap(facts: Facts, at: datetime) -> Check:
    if not facts.rules.gap:
        return Check("OK", "Gap, none set")
    last = max(facts.contacts, default=None)
    free = last is None or at >= last + facts.rules.gap
    return Check("OK" if free else "WAIT", f"Gap, {span(facts.rules.gap)}")


def _window(facts: Facts, at: datetime, now: datetime) -> Check:
    opens = opens_at(facts, at)
    if opens is None:
        return Check("NO", "Window, never open")
    if opens <= at:
        return Check("OK", "Window, open then")
    return Check("WAIT", f"Window, opens {in_sentence(planned(opens, now))}")


def in_sentence(words: str) -> str:
    """ "Today 23:00" inside a sentence; "Wed 25 Feb 08:00" as it is."""
    return words[:1].lower() + words[1:] if words.startswith(("Today", "Tomorrow", "Yesterday")) else words
