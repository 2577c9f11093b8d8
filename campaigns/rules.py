"""The contact rules that apply to a lead: the organisation's, narrowed by each of their active campaigns."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

from campaigns.models import ContactPolicy
from campaigns.policy import Zones
from campaigns.windows import Rules, minutes_of
from leads.models import Lead

_KNOWN_ZONES = frozenset(available_timezones())


def organisation_rules(policy: ContactPolicy) -> Rules:
    return Rules(
        hours=((minutes_of(policy.contact_hours_start), minutes_of(policy.contact_hours_end)),),
        days=frozenset(policy.contact_days),
        cap=policy.max_contacts_per_day,
        gap=timedelta(milliseconds=policy.delay_between_channels),
        late_after=timedelta(hours=policy.late_after_hours),
        holidays=frozenset(date.fromisoformat(day) for day in policy.holidays),
    )


def narrowed(rules: Rules, metas: Iterable[Mapping[str, Any]]) -> Rules:
    """The strictest of the rules and of what campaigns' ``meta`` say; a campaign can only narrow."""
    for meta in metas:
        hours = rules.hours
        if meta.get("contactHoursStart") or meta.get("contactHoursEnd"):
            start, end = meta.get("contactHoursStart") or "00:00", meta.get("contactHoursEnd") or "24:00"
            hours = tuple(sorted({*hours, (minutes_of(start), minutes_of(end))}))
        rules = Rules(
            hours=hours,
            days=rules.days & frozenset(meta.get("contactDays") or rules.days),
            cap=min(rules.cap, meta.get("maxContactsPerDay") or rules.cap),
            gap=max(rules.gap, timedelta(milliseconds=meta.get("delayBetweenChannels") or 0)),
            late_after=rules.late_after,
            holidays=rules.holidays,
        )
    return rules


def zones_of(lead: Lead) -> Zones:
    """The lead's own zone if known, else all their phone number may be in, else the organisation's."""
    if lead.time_zone in _KNOWN_ZONES:
        return Zones((lead.time_zone,), "field")
    from_phone = tuple(zone for zone in lead.phone_zones if zone in _KNOWN_ZONES)
    if from_phone:
        return Zones(from_phone, "phone")
    return Zones((settings.TIME_ZONE,), "organisation")


def main_zone(lead: Lead) -> ZoneInfo:
    return ZoneInfo(zones_of(lead).main)
