"""What a campaign does with each of its leads: contacts in order, each under a key that is done once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from campaigns.models import Campaign, Script
from retention_center.lib.channels import Channel


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
    """Each channel with its script: the campaign's newest of that type, else the default one; one query.

    E-mail goes through ``emailSequence`` where it names scripts, and is Instantly's with ``instantlySync``.
    """
    email_ids = list(dict.fromkeys(campaign.meta.get("emailSequence") or []))
    usable = Script.objects.filter(archived_at=None)
    found = usable.filter(Q(campaign=campaign) | Q(is_default=True) | Q(pk__in=email_ids)).order_by("created_at", "pk")
    by_id = {script.pk: script for script in found}
    chosen = {script.type: script for script in found if script.is_default}
    chosen |= {script.type: script for script in found if script.campaign_id == campaign.pk}
    entries: list[Entry] = []
    for channel in campaign.channels:
        if channel == Channel.EMAIL and campaign.meta.get("instantlySync"):
            continue
        if channel == Channel.EMAIL and email_ids:
            entries += [Entry(pk, channel, _of_type(by_id.get(pk), channel)) for pk in email_ids]
        else:
            entries.append(Entry(channel, channel, chosen.get(channel)))
    return Plan(entries, timedelta(milliseconds=campaign.meta.get("delayBetweenChannels") or 0))


def _of_type(script: Script | None, channel: str) -> Script | None:
    return script if script and script.type == channel else None
