"""What the processor will do with everything that is open for a lead, told before it does it.

The open contacts of all floors (settings.OPEN_CONTACTS) are put through the engine's own facts, `decide` and
rendering, in the order of their times; what is sent on the way counts against the cap and the gap of what follows.
Nothing is written.
"""

import heapq
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch, Q, prefetch_related_objects
from django.utils.module_loading import import_string

from campaigns import policy
from campaigns.delivery import intent
from campaigns.delivery.facts import Surroundings, facts_of, narrowings_of, surroundings
from campaigns.delivery.work import WorkItem
from campaigns.explaining import Check, rule_in_words, ticks
from campaigns.models import ABTest, Campaign, CampaignLead
from campaigns.models.campaign import CampaignLeadQuerySet
from campaigns.policy import ENDS_BY_ITSELF, Decision, Facts
from campaigns.reasons import Effect, Reason, sentence_of
from integrations.catalogue import label_of
from leads.models import Lead
from retention_center.lib.channels import Channel

MOST_LOOKS = 100  # at one lead: a policy that never lets anything through is not played for ever
PLANNED, IN_FLIGHT = "planned", "in_flight"  # what the wire says where no rule set the time


_WAITS_UNTIL: dict[str, str] = {
    Reason.NO_PROVIDER: "a provider is set up",
    Reason.SENDING_PAUSED: "sending goes on",
    Reason.SEQUENCE_PAUSED: "the sequence is active again",
    Reason.CAMPAIGN_PAUSED: "the campaign is active again",
    Reason.ENROLLMENT_PAUSED: "the enrollment is resumed",
    Reason.NO_WINDOW: "the contact hours leave some hour open",
    Reason.PROVIDER_DOWN: "{provider} works again",
    Reason.PROVIDER_REFUSES: "{provider} works again",
    Reason.RATE_LIMITED: "{provider} takes more",
}


class Comes(StrEnum):
    """What comes of an open contact if nothing changes."""

    IN_FLIGHT = "in_flight"
    SENT = "sent"
    SKIPPED = "skipped"
    STOPPED = "stopped"
    WAITS = "waits"  # for staff, or for the end of a pause
    RETRIED = "looked_at_again"  # something is missing whose end nobody knows


@dataclass
class Upcoming:
    """One open contact, as its owner knows it.

    ``looked_at`` is when the processor takes it up; empty: not before somebody acts, for ``held_reason``.
    ``name`` is "Step 3", ``owner`` the sequence or campaign, ``only_if`` its conditions in words.
    """

    item: WorkItem
    owner: Any
    name: str
    href: str
    looked_at: datetime | None = None
    ends_at: datetime | None = None  # from then on its owner does nothing any more
    held_reason: str = ""
    held_since: datetime | None = None
    is_in_flight: bool = False
    failures: int = 0
    only_if: str = ""
    change: tuple[str, str] | None = None  # what staff may do with its owner's run: the verb, where it is posted to
    judge_anew: Callable[[], None] | None = None  # its conditions, after something of the lead has changed

    @property
    def channel(self) -> str:
        return self.item.channel


@dataclass(frozen=True)
class Expected:
    """What will come of it, and when; ``at`` is empty when that is not known. ``reason`` set the time, or ended it."""

    upcoming: Upcoming
    comes: Comes
    at: datetime | None
    reason: str
    facts: Facts
    checks: list[Check] = field(default_factory=list)

    @property
    def channel(self) -> str:
        return self.upcoming.channel

    @property
    def channel_name(self) -> str:
        return Channel(self.channel).label

    @property
    def is_held(self) -> bool:
        return self.reason not in {PLANNED, IN_FLIGHT}

    @property
    def kind(self) -> str:
        """What the owner is called: "the enrollment" or "the campaign"."""
        return "the campaign" if isinstance(self.upcoming.owner, Campaign) else "the enrollment"

    @property
    def href(self) -> str:
        return self.upcoming.href

    @property
    def what(self) -> str:
        """ "SMS “Your bonus waits until Friday”"."""
        script = self.upcoming.item.script
        return f"{self.channel_name} “{script.name}”" if script else self.channel_name

    @property
    def origin(self) -> str:
        """ "Win-back, step 3"."""
        name, owner = self.upcoming.name, self.upcoming.owner
        return f"{owner.name}, {name.lower()}" if owner else name

    @property
    def waits_until(self) -> str:
        """What it waits for where no time is known: "a provider is set up"."""
        provider = label_of(self.facts.provider) if self.facts.provider else "the provider"
        return _WAITS_UNTIL.get(self.reason, "something changes").format(provider=provider)

    @property
    def waits_for_staff(self) -> bool:
        return self.comes == Comes.WAITS and self.reason not in {*ENDS_BY_ITSELF, Reason.CAMPAIGN_PAUSED}

    @property
    def since(self) -> datetime | None:
        """When the hold began that stands now; empty for one that is only foreseen."""
        return self.upcoming.held_since if self.reason == self.upcoming.held_reason else None

    @property
    def why(self) -> str:
        """The rule behind it, with its numbers: "contacts go 08:00 to 20:00 in Sydney, from the phone number"."""
        if self.reason == PLANNED:
            return ""
        if self.comes == Comes.SKIPPED and self.reason == Reason.CONDITION_NOT_MET and self.upcoming.only_if:
            return f"{sentence_of(self.reason)}: {self.upcoming.only_if}"
        return rule_in_words(self.reason, self.facts)

    @property
    def sort_key(self) -> tuple[int, float]:
        """In flight first, then what is sent by time, then what waits, then what is left out."""
        rank = {Comes.IN_FLIGHT: 0, Comes.SENT: 1, Comes.RETRIED: 2, Comes.WAITS: 2}.get(self.comes, 3)
        return rank, self.at.timestamp() if self.at else 0.0


@dataclass(frozen=True)
class Outlook:
    """Everything open of a lead, the next contact first."""

    expected: list[Expected]

    @property
    def next(self) -> Expected | None:
        return self.expected[0] if self.expected else None

    @property
    def others(self) -> list[Expected]:
        return self.expected[1:]


def of_lead(lead: Lead, now: datetime) -> Outlook:
    """What comes next for the lead; a constant number of queries, and one for each kind of condition."""
    lead = copy(lead)  # what is foreseen of it is told to nobody else
    prefetch_related_objects([lead], Prefetch("campaign_leads", _places()))
    upcoming = [one for path in settings.OPEN_CONTACTS for one in import_string(path)(lead, now)]
    if not upcoming:
        return Outlook([])
    active = [place for place in lead.campaign_leads.all() if place.campaign.status == Campaign.Status.ACTIVE]
    narrowings = narrowings_of((lead.pk, place.campaign.meta) for place in active)
    expected = foresee(upcoming, surroundings([lead], now, narrowings), now)
    return Outlook(sorted(expected, key=lambda one: one.sort_key))


def _places() -> CampaignLeadQuerySet:
    """The places that plan a contact or narrow its rules, each with whether its campaign compares texts just now."""
    matter = Q(status__in=CampaignLead.WAITING) | Q(campaign__status=Campaign.Status.ACTIVE)
    tests = ABTest.objects.filter(campaign=OuterRef("campaign"), status=ABTest.Status.RUNNING)
    places = CampaignLead.objects.filter(matter).select_related("campaign").order_by("campaign_id")
    return places.annotate(is_tested=Exists(tests))


def foresee(upcoming: Sequence[Upcoming], around: Surroundings, now: datetime) -> list[Expected]:
    """What comes of each, all of one lead, if nothing changes. ``upcoming`` stands in the processor's own order."""
    expected: list[Expected] = []
    queue: list[tuple[datetime, int, str]] = []
    for number, one in enumerate(upcoming):
        if one.is_in_flight or one.looked_at is None:
            expected.append(_at_rest(one, around, now))
        else:
            heapq.heappush(queue, (max(one.looked_at, now), number, one.held_reason or PLANNED))
    for looks in range(MOST_LOOKS * len(upcoming)):
        if not queue:
            break
        at, number, because = heapq.heappop(queue)
        one = upcoming[number]
        facts = facts_of(one.item, around)
        decision = _decided(one, facts, around, at)
        if decision.effect == Effect.HOLD and decision.until and looks < MOST_LOOKS * len(upcoming) - 1:
            one.item.due_since = max(one.item.due_since or decision.until, decision.until)
            heapq.heappush(queue, (decision.until, number, str(decision.reason)))
            continue
        if decision.sends:
            _count(upcoming, one, around, at)
        told = _expected(one, decision, facts, at, because)
        expected.append(replace(told, checks=ticks(facts, one.channel, at, now)))
    return expected


def _count(upcoming: Sequence[Upcoming], sent: Upcoming, around: Surroundings, at: datetime) -> None:
    """What is sent counts for what follows: against cap and gap, and for conditions on the lead's status."""
    lead = sent.item.lead
    around.count(lead.pk, sent.channel, at)
    if lead.status == Lead.Status.NEW:
        lead.status = Lead.Status.CONTACTED
        for one in upcoming:
            if one.judge_anew:
                one.judge_anew()


def _at_rest(one: Upcoming, around: Surroundings, now: datetime) -> Expected:
    facts = facts_of(one.item, around)
    if one.is_in_flight:
        return Expected(one, Comes.IN_FLIGHT, None, IN_FLIGHT, facts)
    return Expected(one, Comes.WAITS, None, one.held_reason, facts, ticks(facts, one.channel, now, now))


def _decided(one: Upcoming, facts: Facts, around: Surroundings, at: datetime) -> Decision:
    """As the door would: the policy, then whether the script can be rendered for this lead."""
    if one.ends_at and at >= one.ends_at:
        return Decision(Reason.NOTHING_LEFT)
    decision = policy.decide(facts, at)
    if not decision.sends:
        return decision
    _prepared, refused = intent.prepare([(one.item, facts)], "", around.providers, at)
    return refused[0][1] if refused else decision


def _expected(one: Upcoming, decision: Decision, facts: Facts, at: datetime, because: str) -> Expected:
    if decision.sends:
        return Expected(one, Comes.SENT, at, because, facts)
    reason = str(decision.reason)
    match decision.effect:
        case Effect.SKIP:
            return Expected(one, Comes.SKIPPED, at, reason, facts)
        case Effect.STOP:
            return Expected(one, Comes.STOPPED, at, reason, facts)
    if decision.until:
        return Expected(one, Comes.SENT, decision.until, reason, facts)
    if decision.look_again or decision.reason in ENDS_BY_ITSELF:
        return Expected(one, Comes.RETRIED, None, reason, facts)
    return Expected(one, Comes.WAITS, None, reason, facts)
