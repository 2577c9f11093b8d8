"""The builder's rows as its template shows them: names, tags, delays in words, funnels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from campaigns.models import Script
from sequences import condition_form
from sequences.building import RULES, Row
from sequences.condition_words import in_words
from sequences.funnels import STATES
from sequences.models import RetentionSequence, SequenceStep
from sequences.stats import CELLS, StepFunnel
from sequences.timing import in_words as delay_in_words

_WORDS = dict(STATES)
QUIET = ("failed", "skipped")


@dataclass(frozen=True)
class Cell:
    """One number of the funnel, with the address of its rows and its share of Due in percent."""

    word: str
    count: int
    href: str
    share: float
    is_quiet: bool


@dataclass(frozen=True)
class ShownRow:
    """``number`` is its place among the steps that stay, 0 when removed; ``tags`` are (word, tone).

    ``condition`` is all its conditions in words; ``condition_fields`` what they may speak of.
    """

    row: Row
    number: int
    name: str
    script: Script | None
    delay: str
    tags: list[tuple[str, str]]
    rule: str
    cells: list[Cell]
    waiting: int
    waiting_href: str
    condition: str
    condition_fields: list[tuple[str, str]]

    @property
    def uid(self) -> str:
        return self.row.uid


def shown_rows(
    sequence: RetentionSequence,
    rows: Iterable[Row],
    live: Iterable[SequenceStep],
    scripts: Mapping[str, Script],
    funnels: Mapping[str, StepFunnel],
) -> list[ShownRow]:
    by_key = {step.key: step for step in live}
    found: list[ShownRow] = []
    earlier: list[tuple[str, int, str]] = []
    number = 0
    for row in rows:
        number += not row.is_removed
        script = scripts.get(row.script_id)
        funnel = funnels.get(row.key)
        found.append(
            ShownRow(
                row=row,
                number=0 if row.is_removed else number,
                name=script.name if script else "No script yet",
                script=script,
                delay=row.delay_in_words(is_first=number == 1),
                tags=_tags(row, by_key.get(row.key)),
                rule=RULES[row.on_failure] if row.on_failure != SequenceStep.OnFailure.SKIP else "",
                cells=cells(sequence, row.key, funnel) if funnel and row.key in by_key else [],
                waiting=funnel.waiting if funnel else 0,
                waiting_href=rows_href(sequence, row.key, "waiting"),
                condition=in_words(row.as_conditions(), {key: place for key, place, _name in earlier}),
                condition_fields=condition_form.fields(earlier, row.conditions),
            )
        )
        if not row.is_removed:
            earlier.append((row.key, number, found[-1].name))
    return found


def cells(sequence: RetentionSequence, key: str, funnel: StepFunnel) -> list[Cell]:
    """Due, Sent, Delivered, Replied, Converted, Failed, Skipped."""
    return [
        Cell(
            word=_WORDS[name],
            count=getattr(funnel, name),
            href=rows_href(sequence, key, name),
            share=round(100 * getattr(funnel, name) / funnel.due, 1) if funnel.due else 0,
            is_quiet=name in QUIET,
        )
        for name in CELLS
    ]


def rows_href(sequence: RetentionSequence, key: str, state: str) -> str:
    """The address of the executions that a number counts."""
    return f"{reverse('sequence-executions', args=[sequence.pk])}?{urlencode({'step': key, 'state': state})}"


def _tags(row: Row, step: SequenceStep | None) -> list[tuple[str, str]]:
    if row.is_removed:
        return [("removed", "bad")]
    if step is None:
        tags = [("new", "good")]
    else:
        before = Row.of_step(step)
        is_changed = _told_as_changed(before) != _told_as_changed(row)
        tags = [("changed", "move")] if is_changed else []
        if (before.delay_value, before.delay_unit) != (row.delay_value.strip(), row.delay_unit):
            tags.append((f"was {delay_in_words(step.delay_value, step.delay_unit).removesuffix(' later')}", "move"))
        if before.is_active != row.is_active:
            tags.append(("switched on" if row.is_active else "switched off", "move"))
    return tags


def _told_as_changed(row: Row) -> tuple[Any, ...]:
    """What has no tag of its own."""
    return row.choice, row.on_failure, row.as_conditions()
