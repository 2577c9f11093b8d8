"""Steps as somebody wants them: checked, given their keys, turned into the steps of a version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from campaigns.models import Script
from retention_center.lib import ids
from sequences.conditions import BadConditions, checked
from sequences.models import RetentionSequence, SequenceStep


class InvalidSteps(Exception):
    """The steps cannot be published; ``errors`` are (step number from 1, field, sentence)."""

    def __init__(self, errors: Sequence[tuple[int, str, str]]) -> None:
        super().__init__(" ".join(f"Step {number}: {sentence}" for number, _field, sentence in errors))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as somebody wants it. Without ``key`` it keeps the key at its place if the channel is the same.

    ``conditions`` as `sequences.conditions` says; they may speak of the steps before it, by their keys.
    """

    channel: str
    script_id: str | None
    delay_value: int
    delay_unit: str
    key: str = ""
    is_active: bool = True
    on_failure: str = SequenceStep.OnFailure.SKIP
    conditions: Sequence[Any] = ()


def spec_of(step: SequenceStep) -> StepSpec:
    """The step as it stands, with its key."""
    return StepSpec(
        channel=step.channel,
        script_id=step.script_id,
        delay_value=step.delay_value,
        delay_unit=step.delay_unit,
        key=step.key,
        is_active=step.is_active,
        on_failure=step.on_failure,
        conditions=list(step.conditions),
    )


def steps_of(sequence: RetentionSequence, specs: Sequence[StepSpec], version: int) -> list[SequenceStep]:
    """The steps of ``version``, checked, each with its key, not saved. Raises InvalidSteps. Two queries."""
    _check_scripts_and_keys(specs)
    at_place = {step.step_order: step for step in sequence.live_steps()}
    taken = {spec.key for spec in specs if spec.key}
    keyed = []
    for order, spec in enumerate(specs, 1):
        key = spec.key or _kept_key(at_place.get(order), spec, taken) or ids.new_id()
        taken.add(key)
        keyed.append(replace(spec, key=key))
    steps = as_steps(sequence, keyed, version)
    _check_conditions(steps)
    return steps


def as_steps(sequence: RetentionSequence, specs: Sequence[StepSpec], version: int) -> list[SequenceStep]:
    """Specs which have their keys, as steps that are neither checked nor saved."""
    return [
        SequenceStep(
            sequence=sequence,
            version=version,
            key=spec.key,
            step_order=order,
            channel=spec.channel,
            script_id=spec.script_id,
            delay_value=spec.delay_value,
            delay_unit=spec.delay_unit,
            is_active=spec.is_active,
            on_failure=spec.on_failure,
            conditions=list(spec.conditions),
        )
        for order, spec in enumerate(specs, 1)
    ]


def _check_scripts_and_keys(specs: Sequence[StepSpec]) -> None:
    scripts = Script.objects.in_bulk([spec.script_id for spec in specs if spec.script_id])
    errors: list[tuple[int, str, str]] = []
    keys: set[str] = set()
    for number, spec in enumerate(specs, 1):
        script = scripts.get(spec.script_id or "")
        if spec.script_id and (script is None or script.archived_at):
            errors.append((number, "scriptId", "There is no such script; choose another."))
        elif script and script.type != spec.channel:
            errors.append((number, "scriptId", f"“{script}” is for {script.get_type_display()}; choose one that fits."))
        if spec.key and spec.key in keys:
            errors.append((number, "key", f"Another step has the key {spec.key}; give each its own, or none."))
        keys.add(spec.key)
    if errors:
        raise InvalidSteps(errors)


def _check_conditions(steps: Sequence[SequenceStep]) -> None:
    """Once every step has its key: conditions speak of earlier steps by it. They are kept as they were understood."""
    errors: list[tuple[int, str, str]] = []
    earlier: set[str] = set()
    for step in steps:
        try:
            step.conditions = checked(step.conditions, earlier)
        except BadConditions as bad:
            errors += [(step.step_order, "conditions", sentence) for sentence in bad.sentences]
        earlier.add(step.key)
    if errors:
        raise InvalidSteps(errors)


def _kept_key(before: SequenceStep | None, spec: StepSpec, taken: set[str]) -> str:
    fits = before is not None and before.channel == spec.channel and before.key not in taken
    return before.key if before is not None and fits else ""
