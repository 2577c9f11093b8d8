"""What waits for staff, by sequence or campaign and reason, and how much of it would still be right to send."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db.models import Count, Min

from campaigns import held, policy
from campaigns.delivery.facts import facts_of, surroundings
from campaigns.held import Group, HeldElsewhere
from campaigns.models import CampaignLead
from campaigns.reasons import Effect, Reason
from sequences.condition_facts import judge
from sequences.due_steps import item_of
from sequences.models import RetentionSequence, SequenceStepExecution

LOOKED_AT, LOOKED_AT_OF_ONE = 5_000, 1_000  # so many are judged for one page, the longest waiting of each group
CHUNK = 500


def count() -> int:
    """How many steps and campaign contacts wait for staff; two queries."""
    steps = SequenceStepExecution.objects.waiting_for_staff().order_by().count()
    return steps + CampaignLead.objects.waiting_for_staff().order_by().count()


def survey(now: datetime) -> list[Group]:
    """Every group, largest first, judged as the processor would at ``now`` if nothing were late."""
    groups = sorted([*_grouped(), *held.grouped()], key=lambda one: (-one.waiting, one.owner.name, one.reason))
    each = min(LOOKED_AT_OF_ONE, max(LOOKED_AT // max(len(groups), 1), 50))
    by_id: dict[str, Group] = {}
    for group in groups:
        rows: Any = (CampaignLead if group.is_campaign else SequenceStepExecution).objects.waiting_for_staff()
        asked = {"campaign" if group.is_campaign else "sequence": group.owner, "held_reason": group.reason}
        group.ids = list(rows.filter(**asked).order_by("scheduled_at", "pk").values_list("pk", flat=True)[:each])
        by_id |= dict.fromkeys(group.ids, group)
    steps = [pk for pk, group in by_id.items() if not group.is_campaign]
    places = [pk for pk, group in by_id.items() if group.is_campaign]
    for pk, reason in [*_judged(steps, now), *held.judged(places, now)]:
        by_id[pk].not_right[reason] += 1
    return groups


def held_elsewhere() -> list[HeldElsewhere]:
    """What waits for something other than staff, and for no known time; most first."""
    rows = SequenceStepExecution.objects.held().filter(held_reason__in=policy.ENDS_BY_ITSELF)
    found = rows.order_by().values_list("sequence", "held_reason").annotate(count=Count("pk"))
    sequences = RetentionSequence.objects.in_bulk({sequence for sequence, _reason, _count in found})
    groups = [HeldElsewhere(sequences[pk], reason, count) for pk, reason, count in found] + held.elsewhere()
    return sorted(groups, key=lambda group: (-group.count, group.owner.name, group.reason))


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
    return list(groups.values())


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
