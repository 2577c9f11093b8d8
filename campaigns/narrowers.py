"""Who narrows the contact policy at the moment: each app tells its own (settings.NARROWERS)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from campaigns import wording
from campaigns.models import Campaign, ContactPolicy
from campaigns.rules import narrowed, organisation_rules
from campaigns.windows import next_opening
from retention_center.lib.channels import Channel

MOST = 200


@dataclass(frozen=True)
class Narrower:
    """An active campaign or sequence, and what is stricter for its contacts."""

    kind: str
    name: str
    href: str
    rules: Mapping[str, Any]

    @property
    def told(self) -> str:
        return ". ".join(f"{what}: {how}" for what, how in wording.narrowing(self.rules))


def everybody() -> list[Narrower]:
    """All that narrow something, campaigns first, by name."""
    return [one for path in settings.NARROWERS for one in import_string(path)()]


def shut_channels(policy: ContactPolicy, narrowing: Mapping[str, Any], now: datetime) -> list[str]:
    """The channels on which the policy and what narrows it together never open: what is due there waits for ever."""
    return [
        channel.label
        for channel in Channel
        if next_opening(narrowed(organisation_rules(policy, channel), [narrowing], channel), ("UTC",), now) is None
    ]


def campaigns() -> list[Narrower]:
    """Active campaigns with rules of their own: they hold for every contact of the leads in them."""
    active = Campaign.objects.filter(status=Campaign.Status.ACTIVE).order_by("name", "pk")
    found = [Narrower("Campaign", one.name, one.get_absolute_url(), one.meta) for one in active[:MOST]]
    return [one for one in found if one.told]
