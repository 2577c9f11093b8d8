"""What a campaign does with each of its leads: contacts in order, each under a key that is done once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from campaigns.models import Campaign, Script


@dataclass(frozen=True, slots=True)
class Entry:
    """One contact: ``key`` is its channel, or its script's id in an e-mail sequence; without a script it is skipped."""

    key: str
    channel: str
    script: Script | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The entries in order, and how far apart they are."""

    entries: Sequence[Entry]
    apart: timedelta

    def next_after(self, done: Sequence[str]) -> Entry | None:
        """The first entry that this lead is not through with; whatever was done stays done when the plan changes."""
        return next((entry for entry in self.entries if entry.key not in done), None)


def plan_of(campaign: Campaign) -> Plan:
    """Each of the campaign's contacts with its script: its newest of that type, else the default one; one query."""
    keys = campaign.contact_keys()
    named = [key for key, channel in keys if key != channel]
    usable = Script.objects.filter(archived_at=None)
    found = usable.filter(Q(campaign=campaign) | Q(is_default=True) | Q(pk__in=named)).order_by("created_at", "pk")
    by_id = {script.pk: script for script in found}
    chosen = {script.type: script for script in found if script.is_default}
    chosen |= {script.type: script for script in found if script.campaign_id == campaign.pk}
    entries = [
        Entry(key, channel, chosen.get(channel) if key == channel else _of_type(by_id.get(key), channel))
        for key, channel in keys
    ]
    return Plan(entries, timedelta(milliseconds=campaign.meta.get("delayBetweenChannels") or 0))


def _of_type(script: Script | None, channel: str) -> Script | None:
    return script if script and script.type == channel else None
