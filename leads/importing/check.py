"""What an import would do, counted before anything is written, by the very rules that the run follows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from typing import Any

from leads.importing.read import Record
from leads.importing.rows import Reading
from leads.importing.start import reading_of, table_of
from leads.merging import Book, Outcome, Taken
from leads.models import ImportJob
from retention_center.jobs import Progress
from retention_center.lib import clock

SLICE = 1000
SHOWN = 100  # rows kept of each kind, to be looked at


@dataclass
class Preview:
    """Counts by outcome and of warnings, and the first rows of each kind: (number, cells, problems)."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    warnings: int = 0
    values_filled: int = 0
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def note(self, record: Record, taken: Taken) -> None:
        self.rows += 1
        self.counts[taken.outcome] += 1
        self.values_filled += len(taken.filled)
        kinds = [str(taken.outcome)]
        if taken.problems and taken.outcome != Outcome.INVALID:
            self.warnings += len(taken.problems)
            kinds.append("warnings")
        for kind in kinds:
            shown = self.examples.setdefault(kind, [])
            if len(shown) < SHOWN:
                problems = [problem.as_json() for problem in taken.problems]
                shown.append({"number": record.number, "cells": record.cells, "problems": problems})

    def as_json(self) -> dict[str, Any]:
        counts = {outcome.value: self.counts[outcome] for outcome in Outcome}
        return {
            "rows": self.rows,
            **counts,
            "warnings": self.warnings,
            "valuesFilled": self.values_filled,
            "examples": self.examples,
        }


def preview(records: list[Record], reading: Reading, now: datetime) -> Iterator[Preview]:
    """The preview as it grows, slice by slice; the last one is whole."""
    book, found = Book(), Preview()
    for slice_ in batched(records, SLICE):
        rows = [reading.row_of(record) for record in slice_]
        book.load(rows, lock=False)
        for record, row in zip(slice_, rows, strict=True):
            found.note(record, book.take(row, now=now, source=reading.source))
        yield found


def run_job(progress: Progress) -> None:
    """The job ``check_import``: its result is the preview of the import named in its arguments."""
    importing = ImportJob.objects.get(pk=progress.arguments["import"])
    table = table_of(importing)
    total = len(table.records)
    for found in preview(table.records, reading_of(importing), clock.now()):
        progress.save(found.rows, total, **found.as_json())
