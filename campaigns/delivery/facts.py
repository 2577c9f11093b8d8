"""Everything `policy.decide` needs to know about a batch, in a constant number of queries."""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Value

from campaigns.delivery.work import WorkItem
from campaigns.models import Campaign, CampaignLead, ContactAttempt, ContactPolicy, SendingPause
from campaigns.policy import Facts
from campaigns.rules import PER_CHANNEL, as_text, longest_gap, narrowed_by_texts, organisation_rules, zones_for
from campaigns.windows import Rules
from integrations import breaker
from integrations.providers.registry import ActiveProviders
from leads.models import Lead, Suppression
from leads.suppression import digest, suppressions_of
from retention_center.lib import clock
from retention_center.lib.bulk import listed
from retention_center.lib.channels import Channel

# Far enough back for the local day of any zone (27 hours) and for any gap that a sequence may ask (a week)
CONTACTS_LOOK_BACK = timedelta(days=7)
SPREAD = timedelta(seconds=30)  # what waits for a provider comes back within this time, not all at once

Pairs = set[tuple[str, str]]


@dataclass(slots=True)
class Surroundings:
    """What is the same for a whole batch, or looked up once for all its leads."""

    now: datetime
    policy: ContactPolicy
    providers: ActiveProviders
    narrowings: dict[str, tuple[str, ...]]  # by lead, of the active campaigns they are in
    stopped: set[tuple[str, str]]
    suppressed: set[tuple[str, str]]
    contacts: dict[str, list[datetime]]  # by lead, all channels together
    contacts_on: dict[tuple[str, str], list[datetime]]  # by lead and channel
    waits: dict[str, tuple[datetime, bool]]  # providers left alone: until when, and whether they asked for it
    chosen: dict[tuple[str, str], str | None] = field(default_factory=dict)
    rules: dict[tuple[str, str, tuple[str, ...]], Rules] = field(default_factory=dict)

    def rules_for(self, lead_id: str, channel: str, own: Mapping[str, Any]) -> Rules:
        """The strictest of policy, the lead's campaigns, and what the work's own sequence says (``own``)."""
        narrowings = self.narrowings.get(lead_id, ())
        own_text = as_text(own) if own else ""
        key = (channel, own_text, narrowings)
        if key not in self.rules:
            organisation = organisation_rules(self.policy, channel)
            self.rules[key] = narrowed_by_texts(organisation, (*narrowings, own_text), channel)
        return self.rules[key]

    def count(self, lead_id: str, channel: str, at: datetime) -> None:
        """One contact more, made at that time: what comes next sees it."""
        self.contacts.setdefault(lead_id, []).append(at)
        self.contacts_on.setdefault((lead_id, channel), []).append(at)

    def provider_for(self, channel: str, preferred: str) -> str | None:
        """Who sends; chosen once for a batch."""
        key = (channel, preferred)
        if key not in self.chosen:
            self.chosen[key] = self.providers.choose(channel, preferred)
        return self.chosen[key]


def surroundings(
    leads: Sequence[Lead], now: datetime, narrowings: dict[str, tuple[str, ...]] | None = None
) -> Surroundings:
    """Five queries, whatever the batch; one less when the caller knows the ``narrowings``. Lock the leads first."""
    policy = ContactPolicy.load()
    narrowings = _narrowings(leads) if narrowings is None else narrowings
    stopped, suppressed, waits = _standing(leads, now)
    around = Surroundings(
        now=now,
        policy=policy,
        providers=ActiveProviders.load(),
        narrowings=narrowings,
        stopped=stopped,
        suppressed=suppressed,
        contacts={},
        contacts_on={},
        waits=waits,
    )
    for lead_id, channel, at in _recent_contacts(leads, now - _look_back(policy, narrowings)):
        around.count(lead_id, channel, at)
    return around


def facts_of(item: WorkItem, around: Surroundings) -> Facts:
    lead = item.lead
    address = lead.address_for(item.channel)
    provider = around.provider_for(item.channel, item.script.provider if item.script else "")
    back_at, asked = around.waits.get(provider or "", (None, False))
    rules = around.rules_for(lead.id, item.channel, item.own_rules)
    return Facts(
        zones=zones_for(lead, rules, around.now),
        rules=rules,
        lead_is_deleted=lead.deleted_at is not None,
        lead_opted_out=lead.status == Lead.Status.DO_NOT_CONTACT,
        ended_because=item.ended_because,
        address=address,
        is_suppressed=is_barred(lead, item.channel, around.suppressed),
        step_is_on=item.step_is_on,
        has_script=item.script is not None,
        conditions_hold=item.conditions_hold,
        is_stopped=_is_stopped(item.channel, provider, around.stopped),
        owner_runs=item.owner_runs,
        enrollment_is_paused=item.enrollment_is_paused,
        provider=provider,
        provider_back_at=back_at + share(item.id) * SPREAD if back_at else None,
        provider_asked_to_wait=asked,
        contacts=tuple(around.contacts.get(lead.id, ())),
        contacts_on_channel=tuple(around.contacts_on.get((lead.id, item.channel), ())),
        jitter=share(item.id) if item.due_since else 0.0,  # what nobody planned waits in no crowd
        due_since=item.due_since,
    )


def _standing(leads: Sequence[Lead], now: datetime) -> tuple[Pairs, Pairs, dict[str, tuple[datetime, bool]]]:
    """What stands against contacts: pauses, suppressions of the leads' addresses, providers left alone; one query.

    Outages run on the real clock; here they end as long after ``now`` as they really will.
    """
    real_now = clock.now()
    never = Value(None, output_field=DateTimeField())
    pauses = SendingPause.objects.annotate(kind=Value("pause"), until=never, since=never)
    barred = suppressions_of(address for lead in leads for address in (lead.email, lead.phone) if address)
    barred = barred.annotate(kind=Value("barred"), until=never, since=never)
    alone = breaker.left_alone(real_now).annotate(kind=Value("alone"), blank=Value(""))
    # PostgreSQL learns the types of the columns from the first: it is the one that has times
    rows = alone.order_by().values_list("kind", "provider", "blank", "retry_at", "opened_at")
    rows = rows.union(
        pauses.order_by().values_list("kind", "scope", "target", "until", "since"),
        barred.order_by().values_list("kind", "address_digest", "channel", "until", "since"),
        all=True,
    )
    stopped: Pairs = set()
    suppressed: Pairs = set()
    waits: dict[str, tuple[datetime, bool]] = {}
    for kind, first, second, until, since in rows:
        if kind == "pause":
            stopped.add((first, second))
        elif kind == "barred":
            suppressed.add((first, second))
        elif until:
            waits[first] = (now + (until - real_now), since is None)
    return stopped, suppressed, waits


def share(work_id: str) -> float:
    """From 0 to below 1, always the same for one piece of work."""
    return zlib.crc32(work_id.encode()) / 2**32


def is_barred(lead: Lead, channel: str, suppressed: set[tuple[str, str]]) -> bool:
    """By the address itself, and for webhooks (whose address is the lead's id) by any address for all channels."""
    if not suppressed:
        return False
    everywhere = [lead.email, lead.phone] if channel == Channel.WEBHOOK else [lead.address_for(channel)]
    digests = [digest(address) for address in everywhere if address]
    scopes = (channel, str(Suppression.Scope.ALL))
    return any((known, scope) in suppressed for known in digests for scope in scopes)


def _is_stopped(channel: str, provider: str | None, stopped: set[tuple[str, str]]) -> bool:
    if not stopped:
        return False
    scope = SendingPause.Scope
    asked = {(scope.ALL.value, ""), (scope.CHANNEL.value, channel), (scope.PROVIDER.value, provider or "")}
    return not asked.isdisjoint(stopped)


def _narrowings(leads: Sequence[Lead]) -> dict[str, tuple[str, ...]]:
    places = CampaignLead.objects.filter(
        lead__in=listed([lead.id for lead in leads]), campaign__status=Campaign.Status.ACTIVE
    )
    return narrowings_of(places.values_list("lead_id", "campaign__meta"))


def narrowings_of(places: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, tuple[str, ...]]:
    """By lead, of (lead, campaign's meta) for each place in an active campaign."""
    texts: dict[str, set[str]] = defaultdict(set)
    for lead_id, meta in places:
        if text := as_text(meta):
            texts[lead_id].add(text)
    return {lead_id: tuple(sorted(of_lead)) for lead_id, of_lead in texts.items()}


def _look_back(policy: ContactPolicy, narrowings: Mapping[str, tuple[str, ...]]) -> timedelta:
    """How far back contacts matter: as long as the longest gap there is."""
    gaps = [longest_gap(json.loads(text)) for text in {text for texts in narrowings.values() for text in texts}]
    of_policy = longest_gap({"delayBetweenChannels": policy.delay_between_channels, PER_CHANNEL: policy.per_channel})
    return max(CONTACTS_LOOK_BACK, of_policy, *gaps)


def _recent_contacts(leads: Sequence[Lead], since: datetime) -> Iterable[tuple[str, str, datetime]]:
    """(lead, channel, time) of what counts, oldest first."""
    return (
        ContactAttempt.objects.counted()
        .filter(lead__in=listed([lead.id for lead in leads]), started_at__gt=since)
        .order_by("started_at")
        .values_list("lead_id", "channel", "started_at")
    )
