"""Who is affected by publishing new steps, and what happens to them: said before it happens. Changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.models import Script
from retention_center.pages.words import plural
from sequences.advancing import next_step
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.specs import StepSpec

STATUS = SequenceStepExecution.Status


@dataclass(slots=True)
class Impact:
    """``people`` wait in the sequence now; ``keep`` of them go on as they are; ``lines`` tell about the others."""

    people: int = 0
    keep: int = 0
    lines: list[str] = field(default_factory=list)


def impact_of(sequence: RetentionSequence, specs: Sequence[StepSpec], scripts: dict[str, Script]) -> Impact:
    """What publishing ``specs`` (each with its key) would do to everybody who waits. At most three queries."""
    old = {step.key: step for step in sequence.live_steps().select_related("script")}
    new = [_as_step(number, spec) for number, spec in enumerate(specs, 1)]
    on = {step.key: step for step in new if step.is_active}
    waiting = _waiting(sequence)
    found = Impact(people=sum(waiting.values()))
    successors = _successors(sequence, [key for key in waiting if key not in on], new)
    for key, count in waiting.items():
        before = old.get(key)
        if key in on and before is not None and _delay(before) != _delay(on[key]):
            found.lines.append(_told_delay(count, on[key]))
        elif key in on:
            found.keep += count
        for target, some in successors.get(key, Counter()).items():
            found.lines.append(_told_move(some, before, key in {step.key for step in new}, target, specs, scripts))
    return found


def _waiting(sequence: RetentionSequence) -> Counter[str]:
    rows = sequence.executions.filter(status=STATUS.SCHEDULED, enrollment__status__in=SequenceEnrollment.OPEN)
    return Counter(rows.order_by("step_key").values_list("step_key", flat=True))


def _successors(
    sequence: RetentionSequence, gone: Sequence[str], steps: Sequence[SequenceStep]
) -> dict[str, Counter[int]]:
    """For each key that is gone or off: how many of those who wait there go on at which step number (0: none)."""
    if not gone:
        return {}
    waiting = sequence.executions.filter(status=STATUS.SCHEDULED, step_key__in=gone).select_related(
        "step", "enrollment"
    )
    rows = [row for row in waiting if row.enrollment.status in SequenceEnrollment.OPEN]
    done: dict[tuple[str, int], set[str]] = defaultdict(set)
    others = SequenceStepExecution.objects.exclude(status=STATUS.SCHEDULED).filter(
        enrollment__in=waiting.values("enrollment")
    )
    for enrollment_id, run_no, key in others.values_list("enrollment_id", "run_no", "step_key"):
        done[enrollment_id, run_no].add(key)
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        target = next_step(steps, row.step, done[row.enrollment_id, row.run_no])
        found[row.step_key][target.step_order if target else 0] += 1
    return found


def _as_step(number: int, spec: StepSpec) -> SequenceStep:
    return SequenceStep(
        key=spec.key,
        step_order=number,
        channel=spec.channel,
        is_active=spec.is_active,
        delay_value=spec.delay_value,
        delay_unit=spec.delay_unit,
    )


def _delay(step: SequenceStep) -> tuple[int, str]:
    return step.delay_value, step.delay_unit


def _told_delay(count: int, step: SequenceStep) -> str:
    people = plural(count, "person waits", "people wait")
    return f"{people} at step {step.step_order}: its new delay counts from when the wait began."


def _told_move(
    count: int,
    before: SequenceStep | None,
    is_off: bool,
    target: int,
    specs: Sequence[StepSpec],
    scripts: dict[str, Script],
) -> str:
    what = "switched off" if is_off else "removed"
    name = (
        f"“{before.script}”" if before and before.script else f"step {before.step_order}" if before else "an older step"
    )
    told = f"{plural(count, 'person waits', 'people wait')} at {name}, which is {what}"
    if not target:
        return f"{told}; nothing comes after it, so they complete."
    script = scripts.get(specs[target - 1].script_id or "")
    return f"{told}; they get step {target}{f' “{script}”' if script else ''} next."
