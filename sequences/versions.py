"""The versions of a sequence's steps: what changed in each, who published it, and who follows it now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from sequences.models import RetentionSequence, SequenceStep, SequenceVersion
from sequences.step_changes import changes_between


@dataclass(frozen=True, slots=True)
class Told:
    """One version. ``people`` follow it now; ``changes`` are sentences against the version before it."""

    row: SequenceVersion
    is_live: bool
    people: int
    steps: list[SequenceStep]
    changes: list[str]


def of(sequence: RetentionSequence) -> QuerySet[SequenceVersion]:
    return sequence.versions.order_by("-version")


def told(sequence: RetentionSequence, rows: Sequence[SequenceVersion]) -> list[Told]:
    """The versions of one page with what belongs to them. Two queries, however many they are."""
    numbers = {row.version for row in rows}
    steps = steps_by_version(sequence, {*numbers, *(number - 1 for number in numbers)})
    people = people_by_version(sequence)
    return [
        Told(
            row,
            row.version == sequence.version,
            people.get(row.version, 0),
            steps.get(row.version, []),
            changes_between(steps.get(row.version - 1, []), steps.get(row.version, [])),
        )
        for row in rows
    ]


def people_by_version(sequence: RetentionSequence) -> Mapping[int, int]:
    """How many who are in it now follow each version, the oldest first."""
    rows = sequence.enrollments.open().order_by("version").values_list("version")
    return dict(rows.annotate(people=Count("pk")))


def steps_by_version(sequence: RetentionSequence, numbers: set[int]) -> dict[int, list[SequenceStep]]:
    found: dict[int, list[SequenceStep]] = {}
    steps = sequence.steps.filter(version__in=numbers).select_related("script").order_by("version", "step_order")
    for step in steps:
        found.setdefault(step.version, []).append(step)
    return found
