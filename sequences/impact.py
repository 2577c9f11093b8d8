"""Who is affected by publishing new steps, and what happens to them: said before it happens. Changes nothing.

It asks the same rule as the move itself (`sequences.places`), so that what is said is what is done.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.models import Script
from retention_center.pages.words import plural
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.moving import delay_of
from sequences.places import Course, standings
from sequences.specs import StepSpec, as_steps
from sequences.versions import people_by_version


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to ``count`` people who wait at one step. ``to_key`` is empty where they complete."""

    count: int
    from_key: str
    to_key: str
    said: str


@dataclass(slots=True)
class Impact:
    """``people`` are in the sequence now. Moved, ``keep`` of them go on as they are and ``changes`` befall the others.

    ``in_flight`` are being contacted right now: that goes its way, then they go on in the new steps. ``pinned`` says
    what becomes of everybody if they are not moved.
    """

    people: int = 0
    keep: int = 0
    in_flight: int = 0
    changes: list[Change] = field(default_factory=list)
    pinned: str = ""

    @property
    def lines(self) -> list[str]:
        told = [change.said for change in self.changes]
        if self.in_flight:
            said = plural(self.in_flight, "person is being contacted", "people are being contacted")
            told.append(f"{said} right now; then they go on in the new steps.")
        return told


def impact_of(sequence: RetentionSequence, specs: Sequence[StepSpec], scripts: Mapping[str, Script]) -> Impact:
    """What publishing ``specs`` (each with its key) would do to everybody who is in the sequence. A few queries."""
    course = Course(sequence.pk, as_steps(sequence, specs, sequence.version + 1))
    executions = SequenceStepExecution.objects.filter(
        enrollment__sequence=sequence, enrollment__status__in=SequenceEnrollment.OPEN
    )
    found = Impact(pinned=_told_pinned(sequence))
    moved: Counter[tuple[int, str, str]] = Counter()  # by the step they wait at, its place first, and the next one
    step_ids: dict[str, str] = {}
    for standing in standings(executions).values():
        found.people += 1
        waiting, target = standing.waiting, course.next_for(standing)
        if waiting is None:
            found.in_flight += 1
        elif target is not None and (target.key, delay_of(target)) == (waiting.key, waiting.delay):
            found.keep += 1
        else:
            step_ids[waiting.key] = waiting.step_id
            moved[waiting.step_order, waiting.key, target.key if target else ""] += 1
    words = _Words(step_ids, course.steps, scripts)
    for (_order, from_key, to_key), count in sorted(moved.items()):
        found.changes.append(Change(count, from_key, to_key, words.told(count, from_key, to_key)))
    return found


class _Words:
    """Each change as a sentence, with the steps' names, old and new."""

    def __init__(
        self, step_ids: Mapping[str, str], steps: Sequence[SequenceStep], scripts: Mapping[str, Script]
    ) -> None:
        old = SequenceStep.objects.select_related("script").in_bulk(list(step_ids.values())) if step_ids else {}
        self.old = {key: old[pk] for key, pk in step_ids.items()}
        self.new = {step.key: step for step in steps}
        self.scripts = scripts

    def told(self, count: int, from_key: str, to_key: str) -> str:
        people = plural(count, "person waits", "people wait")
        target, same = self.new.get(to_key), self.new.get(from_key)
        if target is not None and target is same:
            return f"{people} at step {target.step_order}: its new delay counts from when the wait began."
        old = self.old[from_key]
        at = f"{people} at " + (f"“{old.script}”" if old.script else f"step {old.step_order}")
        if same is None:
            at = f"{at}, which is removed"
        elif not same.is_active:
            at = f"{at}, which is switched off"
        elif target is not None and target.step_order < same.step_order:
            return f"{at}; they get {self._name(target)} before it."
        else:
            at = f"{at}, which now stands before what they have had"
        if target is None:
            return f"{at}; nothing comes after it, so they complete."
        return f"{at}; they get {self._name(target)} next."

    def _name(self, step: SequenceStep) -> str:
        script = self.scripts.get(step.script_id or "")
        return f"step {step.step_order}" + (f" “{script}”" if script else "")


def _told_pinned(sequence: RetentionSequence) -> str:
    """ "412 finish as they began. Only new people get version 5." One query."""
    by_version = people_by_version(sequence)
    if not by_version:
        return ""
    total = sum(by_version.values())
    finish = f"{total:,} finish as they began" if total > 1 else "1 finishes as they began"
    if set(by_version) != {sequence.version}:
        finish += f": {', '.join(f'{count:,} on version {version}' for version, count in by_version.items())}"
    return f"{finish}. Only new people get version {sequence.version + 1}."
