"""Why contacts did not go out: failures, holds and skips by reason, each with what staff can do about it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from campaigns.models import ContactAttempt
from campaigns.reasons import Effect, Reason, sentence_of
from retention_center.lib.channels import Channel
from sequences.models import RetentionSequence, SequenceStepExecution

FAILED, HELD, SKIPPED = "failed", "held", "skipped"
FAILURES = (ContactAttempt.Status.FAILED, ContactAttempt.Status.BOUNCED, ContactAttempt.Status.UNKNOWN)
SKIPS = tuple(reason.value for reason in Reason if reason.effect == Effect.SKIP)
Execution = SequenceStepExecution


@dataclass
class Cause:
    """One reason and how often it spoke, by channel."""

    kind: str
    reason: str
    by_channel: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.by_channel.total()

    @property
    def sentence(self) -> str:
        return sentence_of(self.reason) if self.reason else "It failed; the provider gave no reason"

    @property
    def channels(self) -> str:
        """ "SMS", "SMS 13, Call 2", or "3 channels"."""
        named = [(Channel(channel).label, count) for channel, count in self.by_channel.most_common()]
        if len(named) > 2:
            return f"{len(named)} channels"
        return named[0][0] if len(named) == 1 else ", ".join(f"{name} {count:,}" for name, count in named)

    def as_figures(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "reason": self.reason,
            "sentence": self.sentence,
            "count": self.count,
            "by_channel": dict(self.by_channel.most_common()),
        }


def of_period(start: datetime, end: datetime) -> list[Cause]:
    """What failed and was skipped between the two, and what is held now, most frequent first. Three queries."""
    held = open_steps().exclude(held_reason="").values("held_reason", "step__channel")
    rows = held.annotate(count=Count("pk")).values_list("held_reason", "step__channel", "count")
    return in_order([*failures(start, end), *skips(start, end), *causes_of(HELD, rows)])


def failures(start: datetime, end: datetime) -> list[Cause]:
    """Attempts that failed, bounced, or of which nobody knows. One query."""
    failed = ContactAttempt.objects.filter(status__in=FAILURES, started_at__gte=start, started_at__lt=end)
    rows = failed.order_by().values_list("reason", "channel").annotate(Count("pk"))
    return causes_of(FAILED, rows)


def skips(start: datetime, end: datetime) -> list[Cause]:
    """Steps that were left out though the lead went on; those that stopped with their run are no mishap. One query."""
    ended = Execution.objects.filter(status__in=["FAILED", "SKIPPED"])  # as the index of what was not sent has it
    skipped = ended.filter(status=Execution.Status.SKIPPED, executed_at__gte=start, executed_at__lt=end)
    rows = skipped.filter(reason__in=SKIPS).order_by().values_list("reason", "step__channel").annotate(Count("pk"))
    return causes_of(SKIPPED, rows)


def open_steps() -> Any:
    """Steps of active sequences that are to come, wait, or are in flight."""
    return Execution.objects.open().filter(sequence__status=RetentionSequence.Status.ACTIVE).order_by()


def waiting(now: datetime, end_of_today: datetime, late: timedelta) -> list[dict[str, Any]]:
    """Open steps by status, hold and channel: how many, how many due today and overdue. One query."""
    scheduled = Q(status=Execution.Status.SCHEDULED)
    return list(
        open_steps()
        .values("status", "held_reason", "step__channel")
        .annotate(
            count=Count("pk"),
            due=Count("pk", filter=scheduled & Q(due_at__lt=end_of_today)),
            overdue=Count("pk", filter=scheduled & Q(due_at__lte=now - late)),
        )
    )


def held_of(rows: Iterable[Mapping[str, Any]]) -> list[Cause]:
    """The holds among the rows of ``waiting``."""
    return causes_of(
        HELD, ((row["held_reason"], row["step__channel"], row["count"]) for row in rows if row["held_reason"])
    )


def causes_of(kind: str, rows: Iterable[tuple[str, str, int]]) -> list[Cause]:
    found: dict[str, Cause] = {}
    for reason, channel, count in rows:
        found.setdefault(reason, Cause(kind, reason)).by_channel[channel] += count
    return list(found.values())


def in_order(causes: Iterable[Cause]) -> list[Cause]:
    """Failures first, then holds, then skips, the most frequent of each first."""
    kinds = (FAILED, HELD, SKIPPED)
    return sorted(causes, key=lambda cause: (kinds.index(cause.kind), -cause.count, cause.reason))
