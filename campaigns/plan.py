"""What a campaign does with each of its leads: contacts in order, each under a key that is done once."""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from django.db.models import Q

from campaigns.models import ABTest, Campaign, Script
from retention_center.lib.channels import Channel

_NO_TESTS: Mapping[str, ABTest] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Entry:
    """One contact: ``key`` is its channel, or its script's id in an e-mail sequence; without a script it is skipped.

    ``test`` is the A/B test that runs on the channel.
    """

    key: str
    channel: str
    script: Script | None
    test: ABTest | None = None

    def variant_for(self, lead_id: str) -> str:
        """ "A" or "B", always the same for one lead in one test and another toss for each test; "" without one."""
        if self.test is None or self.script is None:
            return ""
        return "AB"[hashlib.sha256(f"{self.test.pk}:{lead_id}".encode()).digest()[0] & 1]

    def script_for(self, variant: str) -> Script | None:
        """The script with the variant's text; everything else is the script's own."""
        if self.test is None or self.script is None or not variant:
            return self.script
        given = copy.copy(self.script)
        given.content = self.test.text_of(variant)
        return given


@dataclass(frozen=True, slots=True)
class Plan:
    """The entries in order, and how far apart they are."""

    entries: Sequence[Entry]
    apart: timedelta

    def next_after(self, done: Sequence[str]) -> Entry | None:
        """The first entry that this lead is not through with; whatever was done stays done when the plan changes."""
        return next((entry for entry in self.entries if entry.key not in done), None)


def plan_of(campaign: Campaign, *, is_tested: bool = True) -> Plan:
    """Each of the campaign's contacts with its script: its newest of that type, else the default one; two queries.

    ``is_tested`` False: the caller knows that no A/B test runs in it, which saves one of them.
    """
    running = campaign.ab_tests.filter(status=ABTest.Status.RUNNING) if is_tested else []
    tests = {test.channel: test for test in running}
    return Plan(entries_of(campaign, tests), timedelta(milliseconds=campaign.meta.get("delayBetweenChannels") or 0))


def entries_of(campaign: Campaign, tests: Mapping[str, ABTest] = _NO_TESTS) -> list[Entry]:
    """Each contact with its script and its channel's running test; one query."""
    return [
        Entry(key, channel, script, tests.get(channel) if key == channel else None)
        for key, channel, script in _with_scripts(campaign, campaign.contact_keys())
    ]


def email_scripts(campaign: Campaign) -> list[Script]:
    """The scripts of the campaign's e-mails in order, whoever sends them; one query."""
    keys = [(key, channel) for key, channel in campaign.contact_keys(with_instantly=True) if channel == Channel.EMAIL]
    return [script for _key, _channel, script in _with_scripts(campaign, keys) if script]


def _with_scripts(campaign: Campaign, keys: Sequence[tuple[str, str]]) -> list[tuple[str, str, Script | None]]:
    named = [key for key, channel in keys if key != channel]
    usable = Script.objects.filter(archived_at=None)
    found = usable.filter(Q(campaign=campaign) | Q(is_default=True) | Q(pk__in=named)).order_by("created_at", "pk")
    by_id = {script.pk: script for script in found}
    chosen = {script.type: script for script in found if script.is_default}
    chosen |= {script.type: script for script in found if script.campaign_id == campaign.pk}
    return [
        (key, channel, chosen.get(channel) if key == channel else _of_type(by_id.get(key), channel))
        for key, channel in keys
    ]


def _of_type(script: Script | None, channel: str) -> Script | None:
    return script if script and script.type == channel else None
