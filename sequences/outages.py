"""What staff are told of providers that fail for everybody: since when, why, how much waits, when it is tried again."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from campaigns.models import CampaignLead
from campaigns.reasons import Reason
from integrations import breaker
from integrations.catalogue import PROVIDERS
from integrations.models import ProviderBreaker
from integrations.providers.registry import adapter_of
from retention_center.lib import clock
from retention_center.pages.counting import capped_counts
from sequences.models import SequenceStepExecution

HELD_BY_OUTAGES = (Reason.PROVIDER_DOWN, Reason.PROVIDER_REFUSES)
COUNTED_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Outage:
    """One provider's. ``waiting`` counts steps and campaign contacts, at most 1,000 of each."""

    provider: str
    label: str
    since: datetime
    retry_at: datetime
    reason: str
    waiting: int

    @property
    def is_due(self) -> bool:
        """The time has come: the next message tries."""
        return self.retry_at <= clock.now()


def standing() -> list[Outage]:
    """The outages of this moment, the oldest first; one query while there are none."""
    return [outage for row in breaker.outages() if (outage := outage_of(row))]


def outage_of(row: ProviderBreaker) -> Outage | None:
    """What staff are told of it, None unless it fails for everybody; one query."""
    if row.opened_at is None or row.retry_at is None:
        return None
    adapter, known = adapter_of(row.provider), PROVIDERS.get(row.provider)
    steps = _held_steps().filter(step__channel__in=adapter.channels if adapter else ())
    # Which of a campaign's channels is next is not a column; what its outage holds is counted for every provider
    waiting = sum(capped_counts([steps, _held_places()], [COUNTED_AT_MOST] * 2))
    label = known.label if known else row.provider
    return Outage(row.provider, label, row.opened_at, row.retry_at, row.reason.rstrip(". "), waiting)


def wake(now: datetime) -> None:
    """What outages hold is looked at again now: one message tries, the rest goes on if that succeeds."""
    _held_steps().filter(due_at__gt=now).update(due_at=now)
    _held_places().filter(due_at__gt=now).update(due_at=now)


def _held_steps() -> QuerySet[SequenceStepExecution]:
    return SequenceStepExecution.objects.held().filter(held_reason__in=HELD_BY_OUTAGES).order_by()


def _held_places() -> QuerySet[CampaignLead]:
    return CampaignLead.objects.filter(held_reason__in=HELD_BY_OUTAGES, is_in_flight=False).order_by()
