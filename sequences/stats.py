"""Figures of a sequence, in a constant number of grouped queries."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count

from sequences import funnels
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution

CELLS = ("due", "sent", "delivered", "replied", "converted", "failed", "skipped")
_GROUPED = (*CELLS, "waiting", "held")  # in the order of the fields below


@dataclass(slots=True)
class StepFunnel:
    """What became of everybody who reached a step, over all versions and runs that had its key."""

    due: int = 0
    sent: int = 0
    delivered: int = 0
    replied: int = 0
    converted: int = 0
    failed: int = 0
    skipped: int = 0
    waiting: int = 0
    held: int = 0


@dataclass(slots=True)
class SequenceFigures:
    """``funnels`` by step key; ``by_status`` counts enrollments, each status that occurs."""

    by_status: dict[str, int] = field(default_factory=dict)
    funnels: dict[str, StepFunnel] = field(default_factory=dict)

    @property
    def entered(self) -> int:
        return sum(self.by_status.values())

    @property
    def open(self) -> int:
        return sum(self.by_status.get(status, 0) for status in SequenceEnrollment.OPEN)


def of_sequence(sequence: RetentionSequence, now: datetime) -> SequenceFigures:
    """Two queries, however many steps and leads there are."""
    return SequenceFigures(sequence.enrollments.by_status(), funnel(sequence, now))


def funnel(sequence: RetentionSequence, now: datetime) -> dict[str, StepFunnel]:
    """By step key; keys without executions are not in it. One query."""
    rows = SequenceStepExecution.objects.filter(sequence=sequence).order_by("step_key").values("step_key")
    counts = rows.annotate(**{f"n_{state}": _counted(state, now) for state in _GROUPED})
    numbers = counts.values_list("step_key", *(f"n_{state}" for state in _GROUPED))
    return {key: StepFunnel(*each) for key, *each in numbers}


def _counted(state: str, now: datetime) -> Count:
    return Count("pk", filter=funnels.condition(state, now))


@dataclass(frozen=True, slots=True)
class StepFigures:
    """A live step beside its funnel."""

    step: SequenceStep
    funnel: StepFunnel


def by_step(steps: Iterable[SequenceStep], funnels_by_key: Mapping[str, StepFunnel]) -> list[StepFigures]:
    return [StepFigures(step, funnels_by_key.get(step.key, StepFunnel())) for step in steps]


def waiting_by_step(sequence: RetentionSequence) -> Counter[str]:
    """How many people wait at each step key, paused ones too. One query."""
    waiting = sequence.executions.open().order_by("step_key")
    return Counter(dict(waiting.values_list("step_key").annotate(Count("pk"))))


def why_ended(sequence: RetentionSequence) -> list[tuple[str, str, int]]:
    """(status, reason code, how many) of the runs that are over, the most frequent first. One query."""
    over = sequence.enrollments.exclude(status__in=SequenceEnrollment.OPEN)
    grouped = over.values_list("status", "reason").annotate(n=Count("pk")).order_by("-n", "status", "reason")
    return list(grouped)
