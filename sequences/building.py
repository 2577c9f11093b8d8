"""The steps as the builder's form holds them: read from what was posted, changed by its buttons, turned into steps.

Nothing is kept on the server until staff save the draft or publish: every button posts the whole form and gets it
back changed.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from django.http import QueryDict

from campaigns.models import Script
from retention_center.api.text import is_storable
from retention_center.lib import ids
from retention_center.lib.channels import Channel
from sequences import condition_form
from sequences.changing import MOST_STEPS
from sequences.condition_form import Typed
from sequences.conditions import MOST_CONDITIONS, BadConditions, checked
from sequences.models import SequenceStep
from sequences.specs import StepSpec, spec_of
from sequences.timing import in_words

LONGEST_DELAY = 3_650
UNITS = dict(SequenceStep.DelayUnit.choices)
RULES = dict(SequenceStep.OnFailure.choices)


@dataclass
class Row:
    """One step as typed. ``uid`` names its fields; ``key`` is the step's own, made here for a new one."""

    uid: str
    key: str
    channel: str = Channel.EMAIL
    script_id: str = ""
    delay_value: str = "1"
    delay_unit: str = SequenceStep.DelayUnit.DAYS
    on_failure: str = SequenceStep.OnFailure.SKIP
    is_active: bool = True
    is_removed: bool = False
    conditions: list[Typed] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_step(cls, step: SequenceStep) -> Self:
        return cls.of_spec(f"s{step.step_order}", spec_of(step))

    @classmethod
    def of_spec(cls, uid: str, spec: StepSpec) -> Self:
        return cls(
            uid=uid,
            key=spec.key,
            channel=spec.channel,
            script_id=spec.script_id or "",
            delay_value=str(spec.delay_value),
            delay_unit=spec.delay_unit,
            on_failure=spec.on_failure,
            is_active=spec.is_active,
            conditions=[Typed.of(one) for one in spec.conditions],
        )

    @property
    def choice(self) -> str:
        """Channel and script in one value: choosing a script chooses its channel."""
        return f"{self.channel}:{self.script_id}"

    @property
    def delay(self) -> int | None:
        """The delay as a number; None while what was typed is none."""
        text = self.delay_value.strip()
        is_number = text.isascii() and text.isdigit() and len(text) < 6
        return int(text) if is_number and int(text) <= LONGEST_DELAY else None

    def delay_in_words(self, *, is_first: bool = False) -> str:
        if self.delay is None:
            return "no readable delay"
        return in_words(self.delay, self.delay_unit, is_first=is_first)

    def facts(self) -> tuple[Any, ...]:
        """What publishing would write."""
        return (
            self.key,
            self.choice,
            self.delay_value.strip(),
            self.delay_unit,
            self.on_failure,
            self.is_active,
            self.as_conditions(),
        )

    def as_conditions(self) -> list[dict[str, Any]]:
        """The conditions as publishing takes them."""
        return [typed.as_condition() for typed in self.conditions]

    def press(self, button: str) -> None:
        """The buttons that change this step alone; "drop2" takes its third condition away."""
        match button:
            case "keep":
                self.is_removed = False
            case "on" | "off":
                self.is_active = button == "on"
            case "condition" if len(self.conditions) < MOST_CONDITIONS:
                self.conditions.append(Typed())
        self.conditions = [one for number, one in enumerate(self.conditions) if button != f"drop{number}"]

    def as_spec(self) -> StepSpec:
        """Only for a row without errors."""
        return StepSpec(
            channel=self.channel,
            script_id=self.script_id or None,
            delay_value=self.delay or 0,
            delay_unit=self.delay_unit,
            key=self.key,
            is_active=self.is_active,
            on_failure=self.on_failure,
            conditions=self.as_conditions(),
        )


class Draft:
    """The rows in order, removed ones too; they stay in sight until publishing."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)

    @classmethod
    def of_steps(cls, steps: Iterable[SequenceStep]) -> Self:
        return cls(Row.of_step(step) for step in steps)

    @classmethod
    def of_kept(cls, specs: Iterable[StepSpec], live: Sequence[SequenceStep]) -> Self:
        """A draft that was kept; live steps which it leaves out stand in it as removed, where they were."""
        uids = {step.key: f"s{step.step_order}" for step in live}
        rows = [Row.of_spec(uids.get(spec.key, f"n{number}"), spec) for number, spec in enumerate(specs, 1)]
        for step in live:
            if step.key not in {row.key for row in rows}:
                before = [one.key for one in live if one.step_order < step.step_order]
                place = max((i for i, row in enumerate(rows, 1) if row.key in before), default=0)
                rows.insert(place, replace(Row.of_step(step), is_removed=True))
        return cls(rows)

    @classmethod
    def posted(cls, post: QueryDict) -> Self:
        """Whatever a client sends becomes rows; what cannot be is left at its default."""
        uids = [uid for uid in dict.fromkeys(post.getlist("step")) if uid.isascii() and uid.isalnum() and len(uid) < 9]
        return cls(_posted_row(post, uid) for uid in uids[: 2 * MOST_STEPS])

    @property
    def kept(self) -> list[Row]:
        return [row for row in self.rows if not row.is_removed]

    @property
    def fingerprint(self) -> str:
        """The same for the same steps: what was looked at is what is published."""
        told = json.dumps([row.facts() for row in self.kept], default=str)
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def row(self, uid: str) -> Row | None:
        return next((row for row in self.rows if row.uid == uid), None)

    # The buttons -------------------------------------------------------------------------------------------------

    def press(self, button: str, uid: str, live_keys: set[str]) -> str:
        """Do what a button says; the uid of the step to show afterwards."""
        row = self.row(uid)
        if button == "add":
            return self._insert(uid, Row(self._free_uid(), ids.new_id()), before=True)
        if row is None:
            return uid
        match button:
            case "copy":
                return self._insert(uid, self._copy_of(row))
            case "up" | "down":
                self._move(row, -1 if button == "up" else 1)
            case "remove" if row.key in live_keys:
                row.is_removed = True
            case "remove":
                self.rows.remove(row)
            case _:
                row.press(button)
        return uid

    def _copy_of(self, row: Row) -> Row:
        conditions = [replace(one) for one in row.conditions]
        return replace(row, uid=self._free_uid(), key=ids.new_id(), is_removed=False, conditions=conditions, errors={})

    def _insert(self, uid: str, new: Row, *, before: bool = False) -> str:
        place = next((i + (not before) for i, row in enumerate(self.rows) if row.uid == uid), len(self.rows))
        if len(self.kept) < MOST_STEPS:
            self.rows.insert(place, new)
        return new.uid

    def _move(self, row: Row, way: int) -> None:
        place = self.rows.index(row)
        to = place + way
        if 0 <= to < len(self.rows):
            self.rows.insert(to, self.rows.pop(place))

    def _free_uid(self) -> str:
        taken = {row.uid for row in self.rows}
        return next(f"n{number}" for number in range(1, 3 * MOST_STEPS) if f"n{number}" not in taken)

    # Before publishing ---------------------------------------------------------------------------------------------

    def check(self, scripts: Mapping[str, Script]) -> bool:
        """Whether every kept row can be published; each problem stands at its row as one sentence."""
        earlier: set[str] = set()
        for row in self.rows:
            row.errors = {} if row.is_removed else _problems(row, scripts, earlier)
            earlier |= set() if row.is_removed else {row.key}
        return not any(row.errors for row in self.rows)

    def specs(self) -> list[StepSpec]:
        return [row.as_spec() for row in self.kept]


def _problems(row: Row, scripts: Mapping[str, Script], earlier: Collection[str]) -> dict[str, str]:
    found = {}
    if row.delay is None:
        found["delay"] = f"A delay is a whole number from 0 to {LONGEST_DELAY:,}."
    script = scripts.get(row.script_id)
    if row.script_id and (script is None or script.type != row.channel):
        found["script"] = "There is no such script any more; choose another."
    try:
        checked(row.as_conditions(), earlier)
    except BadConditions as bad:
        found["conditions"] = str(bad)
    return found


def _posted_row(post: QueryDict, uid: str) -> Row:
    def one_of(name: str, known: Mapping[str, Any], default: str) -> str:
        given = post.get(f"{uid}-{name}", "")
        return given if given in known else default

    channel, _, script_id = post.get(f"{uid}-script", "").partition(":")
    key = post.get(f"{uid}-key", "")
    return Row(
        uid=uid,
        key=key if key and len(key) <= 40 and is_storable(key) else ids.new_id(),
        channel=channel if channel in Channel.values else Channel.EMAIL,
        script_id=script_id if len(script_id) <= 40 and is_storable(script_id) else "",
        delay_value=post.get(f"{uid}-delay", "")[:9],
        delay_unit=one_of("unit", UNITS, SequenceStep.DelayUnit.DAYS),
        on_failure=one_of("rule", RULES, SequenceStep.OnFailure.SKIP),
        is_active=post.get(f"{uid}-on") == "1",
        is_removed=post.get(f"{uid}-removed") == "1",
        conditions=condition_form.posted(post, uid),
    )
