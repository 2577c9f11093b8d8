"""The contact rules that apply to a contact: the organisation's, narrowed by campaigns, a sequence, and the channel."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

from campaigns import meta
from campaigns.models import ContactPolicy
from campaigns.policy import Zones, settled
from campaigns.windows import Rules, minutes_of
from leads.models import Lead

NARROWING = ("contactHoursStart", "contactHoursEnd", "contactDays", "maxContactsPerDay", "delayBetweenChannels")
PER_CHANNEL = "perChannel"
_KNOWN_ZONES = frozenset(available_timezones())


def organisation_rules(policy: ContactPolicy, channel: str = "") -> Rules:
    """The organisation's rules; with a channel, those for contacts on it."""
    everywhere = Rules(
        hours=((minutes_of(policy.contact_hours_start), minutes_of(policy.contact_hours_end)),),
        days=frozenset(policy.contact_days),
        cap=policy.max_contacts_per_day,
        gap=timedelta(milliseconds=policy.delay_between_channels),
        late_after=timedelta(hours=policy.late_after_hours),
        holidays=frozenset(date.fromisoformat(day) for day in policy.holidays),
    )
    return narrowed(everywhere, [{PER_CHANNEL: policy.per_channel}], channel)


def narrowed(rules: Rules, narrowings: Iterable[Mapping[str, Any]], channel: str = "") -> Rules:
    """The strictest of the rules and of what campaigns' ``meta`` and sequences' ``contact_rules`` say.

    They can only narrow. What stands in their ``perChannel`` holds for its channel alone: its cap counts the contacts
    of that channel, its gap those of any.
    """
    for narrowing in map(meta.sound, narrowings):
        rules = _narrower(rules, narrowing)
        if own := narrowing.get(PER_CHANNEL, {}).get(channel):
            caps = [cap for cap in (rules.channel_cap, own.get("maxContactsPerDay")) if cap]
            everywhere = {name: value for name, value in own.items() if name != "maxContactsPerDay"}
            rules = _narrower(rules, everywhere, channel_cap=min(caps, default=None))
    return rules


def _narrower(rules: Rules, narrowing: Mapping[str, Any], channel_cap: int | None = None) -> Rules:
    hours = rules.hours
    if narrowing.get("contactHoursStart") or narrowing.get("contactHoursEnd"):
        start, end = narrowing.get("contactHoursStart") or "00:00", narrowing.get("contactHoursEnd") or "24:00"
        hours = tuple(sorted({*hours, (minutes_of(start), minutes_of(end))}))
    return Rules(
        hours=hours,
        days=rules.days & frozenset(narrowing.get("contactDays") or rules.days),
        cap=min(rules.cap, narrowing.get("maxContactsPerDay") or rules.cap),
        gap=max(rules.gap, timedelta(milliseconds=narrowing.get("delayBetweenChannels") or 0)),
        late_after=rules.late_after,
        holidays=rules.holidays,
        channel_cap=channel_cap or rules.channel_cap,
    )


def as_text(narrowing: Mapping[str, Any]) -> str:
    """What narrows in a ``meta``, always written the same way; blank when nothing does. Equal texts, equal rules."""
    kept = {name: narrowing[name] for name in (*NARROWING, PER_CHANNEL) if narrowing.get(name)}
    return json.dumps(kept, sort_keys=True) if kept else ""


def narrowed_by_texts(rules: Rules, texts: Iterable[str], channel: str) -> Rules:
    """As ``narrowed``, for what ``as_text`` wrote."""
    return narrowed(rules, [json.loads(text) for text in texts if text], channel)


def longest_gap(narrowing: Mapping[str, Any]) -> timedelta:
    """The longest gap that it asks for, on any channel."""
    known = meta.sound(narrowing)
    parts = [known, *known.get(PER_CHANNEL, {}).values()]
    return timedelta(milliseconds=max(part.get("delayBetweenChannels", 0) for part in parts))


def zones_of(lead: Lead) -> Zones:
    """The lead's own zone if known, else all their phone number may be in, else the organisation's."""
    return _zones(lead.time_zone, tuple(lead.phone_zones), settings.TIME_ZONE)


@lru_cache(maxsize=4096)
def _zones(own: str, of_phone: tuple[str, ...], organisation: str) -> Zones:
    if own in _KNOWN_ZONES:
        return Zones((own,), "field")
    from_phone = tuple(zone for zone in of_phone if zone in _KNOWN_ZONES)
    return Zones(from_phone, "phone") if from_phone else Zones((organisation,), "organisation")


def zones_for(lead: Lead, rules: Rules, now: datetime) -> Zones:
    """The zones that count under these rules: the organisation's, where those of the number share no window."""
    zones = zones_of(lead)
    return zones if len(zones.names) == 1 else settled(zones, rules, now, settings.TIME_ZONE)


def main_zone(lead: Lead) -> ZoneInfo:
    return ZoneInfo(zones_of(lead).main)
