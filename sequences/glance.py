"""What the frame of every page tells: what is stopped, which providers fail, when the processor ran, how much waits.

Two queries.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, Value

from campaigns import sending
from campaigns.models import CampaignLead, SendingPause
from integrations.breaker import failing
from integrations.models import InboundEvent, ProviderBreaker
from retention_center import health
from retention_center.pages.counting import capped_counts
from sequences import processor
from sequences.models import SequenceStepExecution
from sequences.outages import Outage, outage_of

COUNTED_AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """``overdue`` work, and what waits for staff: URL name of its page to count; at most 1,001 of each kind."""

    overdue: int
    for_staff: dict[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """``ran_at``: when the processor last did; empty: never."""

    stopped: sending.Standing
    outages: list[Outage]
    ran_at: datetime | None


def waiting(now: datetime) -> Waiting:
    """What is overdue at ``now`` and what waits for a decision of staff; one query."""
    counted = [
        *processor.overdue_work(now),
        SequenceStepExecution.objects.waiting_for_staff(),
        CampaignLead.objects.waiting_for_staff(),
        InboundEvent.objects.unmatched(),
    ]
    steps, places, held_steps, held_places, unmatched = capped_counts(counted, [COUNTED_AT_MOST] * len(counted))
    return Waiting(steps + places, {"catch-up": held_steps + held_places, "inbox": unmatched})


def standing() -> Standing:
    """The pauses and the outages of this moment, as `campaigns.sending` and `sequences.outages` tell them, and the
    processor's last beat; one query while no provider fails."""
    never = Value(None, output_field=DateTimeField())
    outages = failing().order_by().annotate(kind=Value("outage"))
    pauses = SendingPause.objects.order_by().annotate(since=never, until=never)
    beat = health.last_beat().annotate(kind=Value("beat"), note=Value(""), until=never)
    rows = list(
        outages.values_list("kind", "provider", "reason", "opened_at", "retry_at").union(
            pauses.values_list("scope", "target", "note", "since", "until"),
            beat.values_list("kind", "name", "note", "at", "until"),
            all=True,
        )
    )
    breakers = [
        ProviderBreaker(provider=provider, reason=reason, opened_at=since, retry_at=until)
        for kind, provider, reason, since, until in rows
        if kind == "outage"
    ]
    pauses_of = [(kind, target, note) for kind, target, note, _since, _until in rows if kind not in {"outage", "beat"}]
    return Standing(
        sending.standing_of(sorted(pauses_of)),
        [outage for row in sorted(breakers, key=lambda row: str(row.opened_at)) if (outage := outage_of(row))],
        next((at for kind, _name, _note, at, _until in rows if kind == "beat"), None),
    )
