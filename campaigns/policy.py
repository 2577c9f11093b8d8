"""Whether, when and why a lead may be contacted: one pure function over facts, asked by everybody.

The processor, the lead page's "next contact and why", the forecast and "may we contact them now?" all call
`decide`, so that the explanation is what then happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.reasons import Effect, Reason
from campaigns.windows import Rules, at_local, next_opening, why_closed

LOOK_AGAIN = {  # what nobody can foresee the end of is asked again after this time
    Reason.NO_PROVIDER: timedelta(minutes=5),
    Reason.SENDING_PAUSED: timedelta(minutes=1),
    Reason.SEQUENCE_PAUSED: timedelta(minutes=5),
    Reason.PROVIDER_REFUSES: timedelta(minutes=1),
}
# Holds whose end nobody knows, but which end without a decision of staff
ENDS_BY_ITSELF = frozenset({*LOOK_AGAIN, Reason.PROVIDER_DOWN, Reason.RATE_LIMITED, Reason.ENROLLMENT_PAUSED})


@dataclass(frozen=True, slots=True)
class Zones:
    """A lead's possible time zones, and where they come from: field, phone or organisation."""

    names: tuple[str, ...]
    source: str

    @property
    def main(self) -> str:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `decide` looks at, for one contact of one lead on one channel.

    ``contacts`` are the instants of recent contacts that count, at least those of the last two days.
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
    """The rules about time: window and days, daily cap, gap between channels."""
    opening = opens_at(facts, now)
    if opening != now:
        return Decision(Reason(why_closed(facts.rules, facts.zones.main, now)), until=opening)  # type: ignore[call-arg]
    if contacts_today(facts, now) >= facts.rules.cap:
        return Decision(Reason.DAILY_CAP, until=opens_at(facts, _tomorrow(facts, now)))
    free_again = max(facts.contacts, default=datetime.min.replace(tzinfo=UTC)) + facts.rules.gap
    if facts.rules.gap and now < free_again:
        return Decision(Reason.CHANNEL_GAP, until=opens_at(facts, free_again))
    return SEND


def opens_at(facts: Facts, moment: datetime) -> datetime | None:
    """When the window is next open, at ``moment`` or later.

    Where a number's zones share no window (toll-free numbers), the first of them decides.
    """
    together = next_opening(facts.rules, facts.zones.names, moment)
    return together or next_opening(facts.rules, facts.zones.names[:1], moment)


def contacts_today(facts: Facts, now: datetime) -> int:
    """How many contacts count on the lead's own date."""
    zone = ZoneInfo(facts.zones.main)
    today = now.astimezone(zone).date()
    return sum(contact.astimezone(zone).date() == today for contact in facts.contacts)


def _tomorrow(facts: Facts, now: datetime) -> datetime:
    zone = ZoneInfo(facts.zones.main)
    return at_local(now.astimezone(zone).date() + timedelta(days=1), 0, zone)


def snapshot(facts: Facts, now: datetime) -> dict[str, Any]:
    """The facts that decided, as the attempt keeps them: what INV-5 and INV-6 are checked against."""
    return {
        "at": now.isoformat(),
        "zone": facts.zones.main,
        "zones": list(facts.zones.names[:5]),
        "zoneSource": facts.zones.source,
        "localTime": now.astimezone(ZoneInfo(facts.zones.main)).strftime("%Y-%m-%d %H:%M"),
        "hours": [list(window) for window in facts.rules.hours],
        "days": sorted(facts.rules.days),
        "contactsToday": contacts_today(facts, now),
        "cap": facts.rules.cap,
        "gapMs": int(facts.rules.gap.total_seconds() * 1000),
        "lastContactAt": max(facts.contacts).isoformat() if facts.contacts else None,
        "provider": facts.provider,
    }
