"""Everything `policy.decide` needs to know about a batch, in a constant number of queries."""

import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.delivery.work import WorkItem
from campaigns.models import Campaign, CampaignLead, ContactAttempt, ContactPolicy, SendingPause
from campaigns.policy import Facts
from campaigns.rules import narrowed, organisation_rules, zones_of
from campaigns.windows import Rules
from integrations import breaker
from integrations.providers.registry import ActiveProviders
from leads.models import Lead, Suppression
from leads.suppression import digest, standing_for
from retention_center.lib import clock
from retention_center.lib.channels import Channel

# Far enough back for the local day of any zone (27 hours) and for any gap up to a week
CONTACTS_LOOK_BACK = timedelta(days=7)
SPREAD = timedelta(seconds=30)  # what waits for a provider comes back within this time, not all at once


@dataclass(slots=True)
class Surroundings:
    """What is the same for a whole batch, or looked up once for all its leads."""

    providers: ActiveProviders
    rules: Rules
    rules_of_lead: dict[str, Rules]
    stopped: set[tuple[str, str]]
    suppressed: set[tuple[str, str]]
    contacts: dict[str, list[datetime]]
    waits: dict[str, tuple[datetime, bool]]  # providers left alone: until when, and whether they asked for it
    chosen: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def provider_for(self, channel: str, preferred: str) -> str | None:
        """Who sends; chosen once for a batch."""
        key = (channel, preferred)
        if key not in self.chosen:
            self.chosen[key] = self.providers.choose(channel, preferred)
        return self.chosen[key]


def surroundings(leads: Sequence[Lead], now: datetime) -> Surroundings:
    """Seven queries, whatever the batch. Call it after the leads are locked."""
    rules = organisation_rules(ContactPolicy.load())
    return Surroundings(
        providers=ActiveProviders.load(),
        rules=rules,
        rules_of_lead=_narrowed_rules(leads, rules),
        stopped=set(SendingPause.objects.values_list("scope", "target")),
        suppressed=standing_for([address for lead in leads for address in (lead.email, lead.phone) if address]),
        contacts=_recent_contacts(leads, now),
        waits=_waits(now),
    )


def facts_of(item: WorkItem, around: Surroundings) -> Facts:
    lead = item.lead
    address = lead.address_for(item.channel)
    provider = around.provider_for(item.channel, item.script.provider if item.script else "")
    back_at, asked = around.waits.get(provider or "", (None, False))
    return Facts(
        zones=zones_of(lead),
        rules=around.rules_of_lead.get(lead.pk, around.rules),
        lead_is_deleted=lead.deleted_at is not None,
        lead_opted_out=lead.status == Lead.Status.DO_NOT_CONTACT,
        ended_because=item.ended_because,
        address=address,
        is_suppressed=_is_suppressed(lead, item.channel, around.suppressed),
        step_is_on=item.step_is_on,
        has_script=item.script is not None,
        conditions_hold=item.conditions_hold,
        is_stopped=_is_stopped(item.channel, provider, around.stopped),
        owner_runs=item.owner_runs,
        enrollment_is_paused=item.enrollment_is_paused,
        provider=provider,
        provider_back_at=back_at + _share(item.id) * SPREAD if back_at else None,
        provider_asked_to_wait=asked,
        contacts=tuple(around.contacts.get(lead.pk, ())),
        due_since=item.due_since,
    )


def _waits(now: datetime) -> dict[str, tuple[datetime, bool]]:
    """Outages run on the real clock; here they end as long after ``now`` as they really will."""
    real_now = clock.now()
    standing = breaker.standing(real_now)
    return {
        name: (now + (row.retry_at - real_now), row.opened_at is None)
        for name, row in standing.items()
        if row.retry_at
    }


def _share(work_id: str) -> float:
    """From 0 to below 1, always the same for one piece of work."""
    return zlib.crc32(work_id.encode()) / 2**32


def _is_suppressed(lead: Lead, channel: str, suppressed: set[tuple[str, str]]) -> bool:
    """By the address itself, and for webhooks (whose address is the lead's id) by any address for all channels."""
    if not suppressed:
        return False
    everywhere = [lead.email, lead.phone] if channel == Channel.WEBHOOK else [lead.address_for(channel)]
    digests = [digest(address) for address in everywhere if address]
    scopes = (channel, str(Suppression.Scope.ALL))
    return any((known, scope) in suppressed for known in digests for scope in scopes)


def _is_stopped(channel: str, provider: str | None, stopped: set[tuple[str, str]]) -> bool:
    scope = SendingPause.Scope
    asked = {(scope.ALL.value, ""), (scope.CHANNEL.value, channel), (scope.PROVIDER.value, provider or "")}
    return not asked.isdisjoint(stopped)


def _narrowed_rules(leads: Sequence[Lead], rules: Rules) -> dict[str, Rules]:
    places = CampaignLead.objects.filter(
        lead__in=[lead.pk for lead in leads], campaign__status=Campaign.Status.ACTIVE
    ).values_list("lead_id", "campaign__meta")
    metas = defaultdict(list)
    for lead_id, meta in places:
        metas[lead_id].append(meta)
    return {lead_id: narrowed(rules, of_lead) for lead_id, of_lead in metas.items()}


def _recent_contacts(leads: Sequence[Lead], now: datetime) -> dict[str, list[datetime]]:
    rows = (
        ContactAttempt.objects.counted()
        .filter(lead__in=[lead.pk for lead in leads], started_at__gt=now - CONTACTS_LOOK_BACK)
        .order_by("started_at")
        .values_list("lead_id", "started_at")
    )
    contacts = defaultdict(list)
    for lead_id, started_at in rows:
        contacts[lead_id].append(started_at)
    return contacts
