"""Whether, when and why a lead may be contacted: one pure function over facts, asked by everybody.

The processor, the lead page's "next contact and why", the forecast and "may we contact them now?" all call
`decide`, so that the explanation is what then happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.reasons import Effect, Reason
from campaigns.windows import DAY_CODES, Rules, at_local, do_meet, next_opening, open_for, why_closed

LOOK_AGAIN = {  # what nobody can foresee the end of is asked again after this time
    Reason.NO_PROVIDER: timedelta(minutes=5),
    Reason.SENDING_PAUSED: timedelta(minutes=1),
    Reason.SEQUENCE_PAUSED: timedelta(minutes=5),
    Reason.PROVIDER_REFUSES: timedelta(minutes=1),
    Reason.NO_WINDOW: timedelta(minutes=15),
}
# Holds whose end nobody knows, but which end without a decision of staff
ENDS_BY_ITSELF = frozenset({*LOOK_AGAIN, Reason.PROVIDER_DOWN, Reason.RATE_LIMITED, Reason.ENROLLMENT_PAUSED})
LONGEST_SPREAD = timedelta(minutes=30)
NEVER_MEET = "organisation, the number's zones share no window"


@dataclass(frozen=True, slots=True)
class Zones:
    """A lead's possible time zones, and where they come from: field, phone, organisation or NEVER_MEET."""

    names: tuple[str, ...]
    source: str

    @property
    def main(self) -> str:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` looks at, for one contact of one lead on one channel.

    ``contacts`` are the instants of recent contacts that count, at least those of the last two days and of the gap;
    ``contacts_on_channel`` those of this channel alone. ``zones`` are settled (`settled`). ``jitter``, from 0 to below
    1, is this contact's own place in the crowd that waits for the same opening.
    ``ended_because`` is set when the enrollment or campaign place is over; ``due_since`` is max(scheduledAt,
    heldUntil), empty for a contact by hand.
    """

    zones: Zones
    rules: Rules
    lead_is_deleted: bool = False
    lead_opted_out: bool = False
    lead_converted: bool = False
    ended_because: Reason | None = None
    address: str | None = None
    is_suppressed: bool = False
    step_is_on: bool = True
    has_script: bool = True
    conditions_hold: bool = True  # those of the step, as its sequence judged them
    is_stopped: bool = False  # sending is stopped: everything, this channel or this provider
    owner_runs: bool = True  # the sequence or campaign is active
    enrollment_is_paused: bool = False
    provider: str | None = None
    provider_back_at: datetime | None = None  # until then nothing is sent through it
    provider_asked_to_wait: bool = False  # that is what it asked for; else it fails for everybody
    contacts: Sequence[datetime] = field(default_factory=tuple)
    contacts_on_channel: Sequence[datetime] = field(default_factory=tuple)
    jitter: float = 0.0
    due_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Send (no reason), or not: ``reason`` says why, ``until`` when a hold ends by itself (empty: staff).

    ``look_again`` is when a hold without a known end is to be decided anew.
    """

    reason: Reason | None = None
    until: datetime | None = None
    look_again: datetime | None = None

    @property
    def sends(self) -> bool:
        return self.reason is None

    @property
    def effect(self) -> Effect | None:
        return self.reason.effect if self.reason else None


SEND = Decision()


def decide(facts: Facts, now: datetime) -> Decision:
    """The first rule that speaks against the contact, in the order staff would name them; else SEND."""
    ended = _ended(facts)
    if ended:
        return Decision(ended)
    if facts.enrollment_is_paused:
        return Decision(Reason.ENROLLMENT_PAUSED)
    skipped = _cannot_reach(facts)
    if skipped:
        return Decision(skipped)
    stopped = _stopped(facts)
    if stopped:
        return Decision(stopped, look_again=now + LOOK_AGAIN[stopped])
    if facts.due_since and now - facts.due_since > facts.rules.late_after:
        return Decision(Reason.LATE)
    if facts.provider is None:
        return Decision(Reason.NO_PROVIDER, look_again=now + LOOK_AGAIN[Reason.NO_PROVIDER])
    timed = _when(facts, now)
    if timed.sends and facts.provider_back_at and now < facts.provider_back_at:
        # Not "until": an outage is no plan, and what it makes later than the late rule allows is for staff
        down = Reason.RATE_LIMITED if facts.provider_asked_to_wait else Reason.PROVIDER_DOWN
        return Decision(down, look_again=facts.provider_back_at)
    return timed


def _ended(facts: Facts) -> Reason | None:
    if facts.lead_is_deleted:
        return Reason.DELETED
    if facts.lead_opted_out:
        return Reason.DO_NOT_CONTACT
    if facts.lead_converted:
        return Reason.CONVERTED
    return facts.ended_because


def _cannot_reach(facts: Facts) -> Reason | None:
    if not facts.step_is_on:
        return Reason.STEP_OFF
    if not facts.has_script:
        return Reason.NO_SCRIPT
    if not facts.conditions_hold:
        return Reason.CONDITION_NOT_MET
    if not facts.address:
        return Reason.NO_ADDRESS
    return Reason.SUPPRESSED if facts.is_suppressed else None


def _stopped(facts: Facts) -> Reason | None:
    if facts.is_stopped:
        return Reason.SENDING_PAUSED
    return None if facts.owner_runs else Reason.SEQUENCE_PAUSED


def _when(facts: Facts, now: datetime) -> Decision:
    """The rules about time: window and days, daily caps, gap since the last contact."""
    if opens_at(facts, now) != now:
        closed = why_closed(facts.rules, facts.zones.names, now)
        return _held(Reason(closed), facts, now, now)  # type: ignore[call-arg]
    if contacts_today(facts, now) >= facts.rules.cap:
        return _held(Reason.DAILY_CAP, facts, _tomorrow(facts, now), now)
    if _at_channel_cap(facts, now):
        return _held(Reason.CHANNEL_CAP, facts, _tomorrow(facts, now), now)
    if facts.contacts and now < max(facts.contacts) + facts.rules.gap:
        return _held(Reason.CHANNEL_GAP, facts, max(facts.contacts) + facts.rules.gap, now)
    return SEND


def _held(reason: Reason, facts: Facts, moment: datetime, now: datetime) -> Decision:
    """Held until the window is open at ``moment`` or later, a little apart from all who wait for the same opening."""
    opening = opens_at(facts, moment)
    if opening is None:
        return Decision(Reason.NO_WINDOW, look_again=now + LOOK_AGAIN[Reason.NO_WINDOW])
    ends_alone = reason == Reason.CHANNEL_GAP and opening == moment  # each gap ends at a time of its own
    return Decision(reason, until=opening if ends_alone else opening + spread(facts, opening))


def opens_at(facts: Facts, moment: datetime) -> datetime | None:
    """When the window is next open, at ``moment`` or later; None when the rules leave no such time."""
    return next_opening(facts.rules, facts.zones.names, moment)


def spread(facts: Facts, opening: datetime) -> timedelta:
    """How long after the opening this contact's turn comes: within half of the window, and within half an hour."""
    lasts = open_for(facts.rules, facts.zones.names, opening, 2 * LONGEST_SPREAD)
    return timedelta(seconds=int(lasts.total_seconds() / 2 * facts.jitter))


def next_turn(facts: Facts, moment: datetime) -> datetime | None:
    """The instant at which a contact that waits for the window leaves: at ``moment`` when it is open then."""
    opening = opens_at(facts, moment)
    return opening if opening in {None, moment} else opening + spread(facts, opening)


def settled(zones: Zones, rules: Rules, now: datetime, organisation: str) -> Zones:
    """The zones that count: the organisation's, where those of a number have no hour in common (toll-free ones)."""
    return zones if do_meet(rules, zones.names, now.date()) else Zones((organisation,), NEVER_MEET)


def _at_channel_cap(facts: Facts, now: datetime) -> bool:
    cap = facts.rules.channel_cap
    return cap is not None and _on_date_of(now, facts.contacts_on_channel, facts.zones.main) >= cap


def contacts_today(facts: Facts, now: datetime) -> int:
    """How many contacts count on the lead's own date."""
    return _on_date_of(now, facts.contacts, facts.zones.main)


def _on_date_of(now: datetime, contacts: Sequence[datetime], zone: str) -> int:
    if not contacts:
        return 0
    today = local_date(zone, now)
    return sum(local_date(zone, contact) == today for contact in contacts)


@lru_cache(maxsize=8192)
def local_date(zone: str, moment: datetime) -> date:
    """The date that calendars in the zone show."""
    return moment.astimezone(ZoneInfo(zone)).date()


def _tomorrow(facts: Facts, now: datetime) -> datetime:
    return at_local(local_date(facts.zones.main, now) + timedelta(days=1), 0, ZoneInfo(facts.zones.main))


def snapshot(facts: Facts, now: datetime) -> dict[str, Any]:
    """The facts that decided, as the attempt keeps them: what INV-5 and INV-6 are checked against."""
    kept = _same_for_many(facts.rules, facts.zones, now) | {
        "contactsToday": contacts_today(facts, now),
        "lastContactAt": max(facts.contacts).isoformat() if facts.contacts else None,
        "provider": facts.provider,
    }
    if facts.rules.channel_cap is not None:
        kept["channelCap"] = facts.rules.channel_cap
        kept["contactsOnChannel"] = _on_date_of(now, facts.contacts_on_channel, facts.zones.main)
    return kept


@lru_cache(maxsize=1024)
def _same_for_many(rules: Rules, zones: Zones, now: datetime) -> dict[str, Any]:
    """The part of a snapshot that all leads with these rules and zones share. Copy it; never change it."""
    local = now.astimezone(ZoneInfo(zones.main))
    return {
        "at": now.isoformat(),
        "zone": zones.main,
        "zones": list(zones.names[:5]),
        "zoneSource": zones.source,
        "localTime": local.strftime("%Y-%m-%d %H:%M"),
        "hours": [list(window) for window in rules.hours],
        "days": sorted(rules.days, key=DAY_CODES.index),
        "cap": rules.cap,
        "gapMs": int(rules.gap.total_seconds() * 1000),
    }
