"""Contact rules and the facts that decided, in words. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns import meta
from campaigns.models import ContactPolicy
from campaigns.models.contact_policy import DAYS
from campaigns.policy import NEVER_MEET, Zones
from retention_center.lib.channels import Channel
from retention_center.pages import words

NAMES = dict(zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True))
ZONE_SOURCES = {
    "field": "the lead's own zone",
    "phone": "from the phone number",
    "organisation": "the organisation's zone: the lead's is unknown",
    NEVER_MEET: "the organisation's zone: those of the phone number share no contact hours",
}


def days(codes: Sequence[str]) -> str:
    """ "every day", "Monday to Friday", or the days one by one."""
    at = sorted({DAYS.index(code) for code in codes if code in DAYS})
    if len(at) == len(DAYS):
        return "every day"
    if len(at) > 2 and at[-1] - at[0] == len(at) - 1:
        return f"{NAMES[DAYS[at[0]]]} to {NAMES[DAYS[at[-1]]]}"
    return ", ".join(NAMES[DAYS[one]] for one in at) or "no day"


def gap(milliseconds: int) -> str:
    """How long a channel waits for the other: "none", "90 min", "4 h"."""
    if not milliseconds:
        return "none"
    minutes = timedelta(milliseconds=milliseconds) // timedelta(minutes=1)
    if not minutes:
        return f"{milliseconds / 1000:g} s"
    return f"{minutes // 60:,} h" if minutes % 60 == 0 else f"{minutes:,} min"


def policy(rules: ContactPolicy) -> list[tuple[str, str]]:
    """The organisation's rules as (what, how)."""
    holidays = ", ".join(rules.holidays[:12]) + (" and more" if len(rules.holidays) > 12 else "")
    return [
        ("Contact hours", f"{hours(rules.contact_hours_start, rules.contact_hours_end)}, in the lead's own time"),
        ("Contact days", days(rules.contact_days)),
        ("Contacts a day", f"at most {rules.max_contacts_per_day} for each lead, all channels together"),
        ("Gap between contacts", gap(rules.delay_between_channels)),
        ("Holidays", holidays or "none"),
        ("Late rule", f"what is {words.plural(rules.late_after_hours, 'hour')} late waits for staff"),
    ]


def by_channel(rules: ContactPolicy) -> list[tuple[str, str]]:
    """What is narrower on each channel, as (channel, how); blank where nothing is."""
    own = {channel: channel_rules(rules.per_channel.get(channel) or {}) for channel in Channel}
    return [(channel.label, "; ".join(how for _what, how in told)) for channel, told in own.items()]


def narrowing(rules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a campaign's ``meta`` or a sequence's rules narrow, as (what, how); empty when they change nothing."""
    known = meta.sound(rules)
    told = _rules(known, "Contacts a day", "at most {}")
    for channel in Channel:
        own = "; ".join(how for _what, how in channel_rules(known.get("perChannel", {}).get(channel, {})))
        told += [(f"{channel.label} only", own)] if own else []
    return told


def channel_rules(rules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is narrower on one channel: (what, how)."""
    return _rules(rules, "Its contacts a day", "at most {} a day", "{} after any contact")


def _rules(rules: Mapping[str, Any], cap: str, at_most: str, apart: str = "{}") -> list[tuple[str, str]]:
    told = []
    if rules.get("contactHoursStart") or rules.get("contactHoursEnd"):
        start, end = rules.get("contactHoursStart") or "00:00", rules.get("contactHoursEnd") or "24:00"
        told.append(("Contact hours", hours(start, end)))
    if rules.get("contactDays"):
        told.append(("Contact days", days(rules["contactDays"])))
    if rules.get("maxContactsPerDay"):
        told.append((cap, at_most.format(rules["maxContactsPerDay"])))
    if rules.get("delayBetweenChannels"):
        told.append(("Gap between contacts", apart.format(gap(rules["delayBetweenChannels"]))))
    return told


def hours(start: str, end: str) -> str:
    """ "08:00 to 21:00", "22:00 to 06:00 of the next day", "all day"."""
    if start == end or (start, end) == ("00:00", "24:00"):
        return "all day" if start == "00:00" else f"all day, from {start} to {start}"
    return f"{start} to {end}" if start < end else f"{start} to {end} of the next day"


def zone_words(zones: Zones) -> str:
    """ "Sydney, from the phone number"; of several zones "New York and 2 more, from the phone number: open in all"."""
    more = len(zones.names) - 1
    place = zones.main.rsplit("/", 1)[-1].replace("_", " ")
    source = ZONE_SOURCES.get(zones.source, zones.source)
    if not more:
        return f"{place}, {source}"
    return f"{place} and {more} more, {source}: open in all of them"


def snapshot(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts that decided an attempt, as (what, how); what an older version did not keep is left out."""
    told: list[tuple[str, str]] = []
    if facts.get("localTime"):
        source = ZONE_SOURCES.get(facts.get("zoneSource", ""), "as it was known")
        told.append(("The lead's time", f"{_local(facts['localTime'])} in {facts.get('zone')}, {source}"))
    if facts.get("hours"):
        windows = [f"{_clock(start)} to {_clock(end)}" for start, end in facts["hours"]]
        told.append(("Contact hours", " and ".join(windows)))
    if facts.get("days"):
        told.append(("Contact days", days(facts["days"])))
    if "cap" in facts:
        told.append(("Contacts that day", f"{facts.get('contactsToday', 0)} before this one, at most {facts['cap']}"))
    if "channelCap" in facts:
        on_channel = f"{facts.get('contactsOnChannel', 0)} before this one, at most {facts['channelCap']}"
        told.append(("On this channel that day", on_channel))
    if "gapMs" in facts:
        last = facts.get("lastContactAt")
        since = f"; last contact {words.exact(datetime.fromisoformat(last))}" if last else "; no contact before"
        told.append(("Gap asked", gap(facts["gapMs"]) + since))
    return told


def _local(text: str) -> str:
    """ "2026-03-11 15:00" -> "Wed 11 Mar 2026 15:00"."""
    at = datetime.fromisoformat(text)
    return f"{at:%a} {at.day} {at:%b %Y %H:%M}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
