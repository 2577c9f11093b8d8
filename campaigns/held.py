"""What waits for staff in campaigns, and the words in which they decide about whatever waits anywhere."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import batched
from typing import Any

from django.db.models import Count, Min, QuerySet

from campaigns import policy
from campaigns.delivery.facts import facts_of, share, surroundings
from campaigns.delivery.work import WorkItem
from campaigns.due_contacts import DueContacts, item_of
from campaigns.models import Campaign, CampaignLead
from campaigns.plan import plan_of
from campaigns.policy import Decision, Facts, next_turn
from campaigns.reasons import Effect, Reason, sentence_of
from campaigns.rules import zones_for
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib.bulk import update_rows

CHUNK = 500
NO_LONGER_WAITING = "no_longer_waiting"  # somebody else decided, or the run ended, while we waited for the lead
NO_WINDOW = "no_window"  # no contact hour is left for the lead: it stays held


class How(StrEnum):
    """What is done with them."""

    SPREAD = "spread"
    NEXT_WINDOW = "next_window"
    SKIP = "skip"


@dataclass(frozen=True)
class Choice:
    """Which of what waits: these ids (of steps or places), or all that match every filter. Without any: all."""

    ids: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()

    def places(self) -> QuerySet[CampaignLead]:
        """The chosen places in campaigns; none when only sequences are asked for."""
        if self.sequences and not self.campaigns:
            return CampaignLead.objects.none()
        asked = {
            "pk__in": self.ids,
            "campaign__in": self.campaigns,
            "held_reason__in": self.reasons,
            "lead__in": self.leads,
        }
        found = CampaignLead.objects.waiting_for_staff().filter(**{k: v for k, v in asked.items() if v})
        if not self.channels:
            return found
        # A place's channel follows from its campaign and what is done there
        places = found.select_related("campaign")
        return found.filter(pk__in=[place.pk for place in places if place.next_channel in self.channels])


@dataclass(frozen=True)
class Plan:
    """One decision: how, from when on, over how many hours, for how many together."""

    how: How
    start: datetime
    hours: float
    total: int

    def time_of(self, place: int) -> datetime:
        """When the one at that place of the whole leaves, if they are spread evenly."""
        return self.start + timedelta(hours=self.hours) * (place / max(self.total, 1))


@dataclass
class Released:
    """How many were released, moved or skipped, who was left out and why, and which runs that completed."""

    changed: int = 0
    completed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, other: "Released") -> None:
        self.changed += other.changed
        self.completed += other.completed
        self.left_out.update(other.left_out)
        times = [at for at in (self.first_at, self.last_at, other.first_at, other.last_at) if at]
        self.first_at, self.last_at = min(times, default=None), max(times, default=None)


# Looking -------------------------------------------------------------------------------------------------------------


@dataclass
class Group:
    """What waits in one sequence or campaign for one reason.

    ``not_right`` counts, by reason, what would not be sent any more, of the ``ids`` that were looked at.
    """

    owner: Any
    reason: str
    by_channel: Counter[str] = field(default_factory=Counter)
    oldest: datetime | None = None
    ids: list[str] = field(default_factory=list)  # those looked at, the longest waiting first
    not_right: Counter[str] = field(default_factory=Counter)

    @property
    def is_campaign(self) -> bool:
        return isinstance(self.owner, Campaign)

    @property
    def waiting(self) -> int:
        return self.by_channel.total()

    @property
    def looked_at(self) -> int:
        return len(self.ids)

    @property
    def is_sampled(self) -> bool:
        return self.looked_at < self.waiting

    @property
    def no_longer_right(self) -> int:
        return self.not_right.total()

    @property
    def still_right(self) -> int:
        return self.looked_at - self.no_longer_right

    @property
    def sentence(self) -> str:
        return sentence_of(self.reason)

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """(code, sentence, count) of what speaks against sending, most frequent first."""
        return [(code, sentence_of(code), count) for code, count in self.not_right.most_common()]


@dataclass(frozen=True)
class HeldElsewhere:
    """What is held and goes on by itself once its cause ends: no provider, a stop, a pause."""

    owner: Any
    reason: str
    count: int

    @property
    def is_campaign(self) -> bool:
        return isinstance(self.owner, Campaign)

    @property
    def sentence(self) -> str:
        return sentence_of(self.reason)


def grouped() -> list[Group]:
    """The places that wait for staff, by campaign and reason; not yet looked at."""
    rows = CampaignLead.objects.waiting_for_staff().order_by()
    counted = rows.values_list("campaign", "held_reason", "done").annotate(
        count=Count("pk"), oldest=Min("scheduled_at")
    )
    found = list(counted)
    campaigns = Campaign.objects.in_bulk({row[0] for row in found})
    groups: dict[tuple[str, str], Group] = {}
    for campaign_id, reason, done, number, oldest in found:
        group = groups.setdefault((campaign_id, reason), Group(campaigns[campaign_id], reason))
        channel = CampaignLead(campaign=campaigns[campaign_id], done=done).next_channel
        group.by_channel[channel] += number
        group.oldest = min(filter(None, (group.oldest, oldest)), default=None)
    return list(groups.values())


def judged(ids: Sequence[str], now: datetime) -> Iterator[tuple[str, Reason]]:
    """(place id, reason) of those that would be skipped or stopped, if nothing were late."""
    for chunk in batched(ids, CHUNK):
        places = list(CampaignLead.objects.filter(pk__in=chunk).select_related("lead", "campaign"))
        around = surroundings([place.lead for place in places], now)
        for place, item in zip(places, _items(places), strict=True):
            item.due_since = None  # being late is what staff decide about
            decision = policy.decide(facts_of(item, around), now)
            if decision.reason and decision.effect in {Effect.SKIP, Effect.STOP}:
                yield place.pk, decision.reason


def elsewhere() -> list[HeldElsewhere]:
    """What waits in campaigns for something other than staff, and for no known time."""
    rows = CampaignLead.objects.held().filter(held_reason__in=policy.ENDS_BY_ITSELF).order_by()
    found = list(rows.values_list("campaign", "held_reason").annotate(count=Count("pk")))
    campaigns = Campaign.objects.in_bulk({campaign for campaign, _reason, _count in found})
    return [HeldElsewhere(campaigns[pk], reason, count) for pk, reason, count in found]


def _items(places: Sequence[CampaignLead]) -> list[WorkItem]:
    plans = {place.campaign_id: plan_of(place.campaign) for place in places}
    return [item_of(place, place.lead, place.campaign, plans[place.campaign_id]) for place in places]


# Deciding ------------------------------------------------------------------------------------------------------------


def release_places(
    in_order: Sequence[tuple[int, CampaignLead]], leads: Mapping[str, Lead], plan: Plan, actor: Actor
) -> Released:
    """Decide about places with their campaigns loaded, under the leads' locks; each with its place of the whole."""
    if not in_order:
        return Released()
    places = [place for _number, place in in_order]
    for place in places:
        place.lead = leads[place.lead_id]
    items = _items(places)
    if plan.how == How.SKIP:
        return _skip(items, plan, actor)
    around = surroundings(list(leads.values()), plan.start)
    result, timed = Released(), []
    for (number, place), item in zip(in_order, items, strict=True):
        rules = around.rules_for(item.lead.pk, item.channel, item.own_rules)
        facts = Facts(zones=zones_for(item.lead, rules, plan.start), rules=rules, jitter=share(item.id))
        at = plan.time_of(number) if plan.how == How.SPREAD else next_turn(facts, plan.start)
        if at is None:
            result.left_out[NO_WINDOW] += 1
        else:
            timed.append((place, at))
    result.add(_reschedule(timed, plan.how, actor))
    return result


def _reschedule(timed: Sequence[tuple[CampaignLead, datetime]], how: How, actor: Actor) -> Released:
    rows = [
        {
            "id": place.pk,
            "fence": place.fence,
            "scheduled_at": at,
            "due_at": at,
            "held_until": at,
            "held_reason": "",
            "held_since": None,
            "failures": 0 if place.held_reason == Reason.WAITS_FOR_STAFF else place.failures,
        }
        for place, at in timed
    ]
    ours = update_rows(CampaignLead, rows, match=("fence",), bump=("fence",), is_in_flight=False)
    done = [(place, at) for place, at in timed if place.pk in ours]
    _audit(actor, [(place, {"how": str(how), "dueAt": at.isoformat()}) for place, at in done])
    times = [at for _place, at in done]
    return Released(len(done), 0, Counter(), min(times, default=None), max(times, default=None))


def _skip(items: Sequence[WorkItem], plan: Plan, actor: Actor) -> Released:
    """Left out as the processor leaves out what cannot be sent: the campaign goes on with its next contact."""
    _audit(actor, [(item.own, {"how": str(How.SKIP)}) for item in items])
    result = Released(len(items))
    by_campaign: dict[str, list[WorkItem]] = {}
    for item in items:
        by_campaign.setdefault(item.own.campaign_id, []).append(item)
    for campaign_id, of_one in by_campaign.items():
        source = DueContacts(campaign_id)
        source.plan = plan_of(of_one[0].own.campaign)
        skip = Decision(Reason.SKIPPED_BY_STAFF)
        result.completed += source.put_off([(item, skip) for item in of_one], plan.start).completed
    return result


def _audit(actor: Actor, done: Sequence[tuple[CampaignLead, dict[str, Any]]]) -> None:
    audit.record_many(
        actor,
        "decide about held contact",
        [(place, {"held_reason": place.held_reason}, after) for place, after in done],
    )
