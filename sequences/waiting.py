"""What waits for staff, by sequence and reason, and how much of it would still be right to send."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

from django.db.models import Count, Min

from campaigns import policy
from campaigns.delivery.facts import facts_of, surroundings
from campaigns.reasons import Effect, Reason, sentence_of
from sequences.condition_facts import judge
from sequences.due_steps import item_of
from sequences.models import RetentionSequence, SequenceStepExecution

LOOKED_AT, LOOKED_AT_OF_ONE = 5_000, 1_000  # so many are judged for one page, the longest waiting of each group
CHUNK = 500


@dataclass
class Group:
    """What waits in one sequence for one reason. ``not_right`` counts, by reason, what would not be sent any more."""

    sequence: RetentionSequence
    reason: str
    by_channel: Counter[str] = field(default_factory=Counter)
    oldest: datetime | None = None
    ids: list[str] = field(default_factory=list)  # those looked at, the longest waiting first
    not_right: Counter[str] = field(default_factory=Counter)

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

    sequence: RetentionSequence
    reason: str
    count: int

    @property
    def sentence(self) -> str:
        return sentence_of(self.reason)


def count() -> int:
    """How many steps wait for staff; one query of a partial index."""
    return SequenceStepExecution.objects.waiting_for_staff().order_by().count()


def survey(now: datetime) -> list[Group]:
    """Every group, largest first, judged as the processor would at ``now`` if nothing were late."""
    groups = _grouped()
    each = min(LOOKED_AT_OF_ONE, max(LOOKED_AT // max(len(groups), 1), 50))
    by_id: dict[str, Group] = {}
    for group in groups:
        rows = SequenceStepExecution.objects.waiting_for_staff().filter(
            sequence=group.sequence, held_reason=group.reason
        )
        group.ids = list(rows.order_by("scheduled_at", "pk").values_list("pk", flat=True)[:each])
        by_id |= dict.fromkeys(group.ids, group)
    for execution_id, reason in _judged(list(by_id), now):
        by_id[execution_id].not_right[reason] += 1
    return groups


def held_elsewhere() -> list[HeldElsewhere]:
    """What waits for something other than staff, and for no known time; most first."""
    rows = SequenceStepExecution.objects.held().filter(held_reason__in=policy.ENDS_BY_ITSELF)
    found = rows.order_by().values_list("sequence", "held_reason").annotate(count=Count("pk"))
    sequences = RetentionSequence.objects.in_bulk({sequence for sequence, _reason, _count in found})
    groups = [HeldElsewhere(sequences[pk], reason, count) for pk, reason, count in found]
    return sorted(groups, key=lambda group: (-group.count, group.sequence.name, group.reason))


def _grouped() -> list[Group]:
    rows = SequenceStepExecution.objects.waiting_for_staff().order_by()
    counted = rows.values_list("sequence", "held_reason", "step__channel").annotate(
        count=Count("pk"), oldest=Min("scheduled_at")
    )
    groups: dict[tuple[str, str], Group] = {}
    found = list(counted)
    sequences = RetentionSequence.objects.in_bulk({row[0] for row in found})
    for sequence_id, reason, channel, number, oldest in found:
        group = groups.setdefault((sequence_id, reason), Group(sequences[sequence_id], reason))
        group.by_channel[channel] += number
        group.oldest = min(group.oldest or oldest, oldest)
    return sorted(groups.values(), key=lambda group: (-group.waiting, group.sequence.name, group.reason))


def _judged(ids: Sequence[str], now: datetime) -> Iterator[tuple[str, Reason]]:
    """(execution id, reason) of those that would be skipped or stopped: seven queries for each five hundred."""
    for chunk in batched(ids, CHUNK):
        related = ("lead", "enrollment", "sequence", "step__script__campaign")
        rows = list(SequenceStepExecution.objects.filter(pk__in=chunk).select_related(*related))
        items = [item_of(row, row.lead, row.step, row.sequence) for row in rows]
        judge(items)
        around = surroundings([row.lead for row in rows], now)
        for item in items:
            item.due_since = None  # being late is what staff decide about
            decision = policy.decide(facts_of(item, around), now)
            if decision.reason and decision.effect in {Effect.SKIP, Effect.STOP}:
                yield item.id, decision.reason
