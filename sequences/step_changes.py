"""What differs between two lists of steps, in words."""

from collections.abc import Mapping, Sequence

from campaigns.models import Script
from sequences.models import SequenceStep
from sequences.timing import in_words

_RULES = dict(SequenceStep.OnFailure.choices)


def changes_between(
    old: Sequence[SequenceStep], new: Sequence[SequenceStep], scripts: Mapping[str, Script] | None = None
) -> list[str]:
    """A sentence for each step that is new, removed or changed. Without ``scripts`` each step's own is read."""
    before = {step.key: step for step in old}
    after = {step.key: step for step in new}
    name = _Names(scripts)
    told = []
    for step in new:
        if step.key not in before:
            told.append(f"Step {step.step_order} {name.of(step)} is new")
        elif differences := _differences(before[step.key], step, name):
            told.append(f"Step {step.step_order} {name.of(step)}: {', '.join(differences)}")
    told += [f"{name.of(step)} is removed" for step in old if step.key not in after]
    if [step.key for step in old if step.key in after] != [step.key for step in new if step.key in before]:
        told.append("The order of the steps changed")
    return [f"{one[0].upper()}{one[1:]}." for one in told]


class _Names:
    def __init__(self, scripts: Mapping[str, Script] | None) -> None:
        self.scripts = scripts

    def of(self, step: SequenceStep) -> str:
        script = self._script(step)
        return f"“{script}”" if script else f"{step.get_channel_display()} without a script"

    def _script(self, step: SequenceStep) -> Script | None:
        if self.scripts is None:
            return step.script
        return self.scripts.get(step.script_id or "")


def _differences(old: SequenceStep, new: SequenceStep, name: _Names) -> list[str]:
    found = []
    if old.channel != new.channel or old.script_id != new.script_id:
        found.append(f"was {name.of(old)}")
    if (old.delay_value, old.delay_unit) != (new.delay_value, new.delay_unit):
        found.append(f"{_delay(new)} later, was {_delay(old)}")
    if old.is_active != new.is_active:
        found.append("switched on" if new.is_active else "switched off")
    if old.on_failure != new.on_failure:
        found.append(f"if it fails twice: {_RULES[new.on_failure].lower()}")
    if old.conditions != new.conditions:
        found.append("other conditions" if new.conditions else "no conditions any more")
    return found


def _delay(step: SequenceStep) -> str:
    return in_words(step.delay_value, step.delay_unit).removesuffix(" later")
