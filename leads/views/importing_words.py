"""What the import wizard says: stages, kinds of rows, samples, the rows that have a problem."""

from datetime import timedelta
from itertools import islice
from typing import Any

from leads.importing import start
from leads.importing.read import Table
from leads.models import ImportJob, Lead
from retention_center.pages.charts import shares
from retention_center.pages.words import plural, span

DONE_NOTES = {"created": "were added", "updated": "got blanks filled", "unchanged": "stayed as they were",
              "invalid": "left out, download below", "warnings": "came in without one value"}  # fmt: skip
SAMPLES = 3
KINDS = {  # what the check counts: its word, its shape, its tone, what happens to such a row
    "created": ("New", "ring", "good", "will be added"),
    "updated": ("Update", "ring-half", "move", "get blanks filled"),
    "unchanged": ("Known", "ring-dash", "idle", "stay as they are"),
    "invalid": ("Invalid", "disc-cross", "bad", "left out, repair below"),
    "warnings": ("Warnings", "triangle", "hold", "come in without one value"),
}


def samples(table: Table, place: int) -> list[str]:
    found = (record.cells[place] for record in table.records[:200] if record.cells[place])
    return [sample[:60] for sample in islice(found, SAMPLES)]


def kinds_of(result: dict[str, Any], current: str) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "word": word, "shape": shape, "tone": tone, "count": result.get(kind, 0), "note": note,
         "is_current": kind == current}
        for kind, (word, shape, tone, note) in KINDS.items()
    ]  # fmt: skip


def parts_of(result: dict[str, Any]) -> Any:
    inks = {"created": "good", "updated": "move", "unchanged": "idle", "invalid": "bad"}
    return shares([(ink, result.get(kind, 0)) for kind, ink in inks.items()])


def told_rows(examples: list[dict[str, Any]], found: ImportJob) -> list[dict[str, Any]]:
    """The rows with their main cells by name, and other leads named that their problems speak of."""
    owners = {p["lead"] for example in examples for p in example["problems"] if p.get("lead")}
    names = {lead.pk: lead for lead in Lead.objects.filter(pk__in=owners)} if owners else {}
    shown = [name for name in found.columns if found.mapping.get(name) in {"first_name", "last_name", "full_name"}][:1]
    shown += [name for field in ("email", "phone") for name in found.columns if found.mapping.get(name) == field][:2]
    told = []
    for example in examples:
        cells = (
            dict(zip(found.columns, example["cells"], strict=False))
            if isinstance(example["cells"], list)
            else example["cells"]
        )
        problems = [problem | {"owner": names.get(problem.get("lead", ""))} for problem in example["problems"]]
        told.append(
            {"number": example["number"], "cells": [cells.get(name, "") for name in shown], "problems": problems}
        )
    for one in told:
        one["columns"] = shown
    return told


def time_left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"about {span(timedelta(seconds=max(seconds, 1)))} left"


def stages(found: ImportJob | None, current: str) -> list[dict[str, Any]]:
    """The strip of stages: done ones with their result, and links where one may go."""
    has_run = bool(found and has_begun(found))
    matched = sum(1 for field in found.mapping.values() if field) if found else 0
    counted = found.job.result.get("rows") if found and found.job and found.job.kind == start.CHECK else None
    seconds = {
        "upload": f"{found.filename}, {plural(found.rows, 'row')}" if found else "",
        "columns": f"{matched} of {len(found.columns)} matched" if found else "",
        "check": f"{plural(counted, 'row')} counted" if counted else "",
        "run": f"{plural(found.processed, 'row')} done" if found and has_run else "",
    }
    names = {"upload": "Upload", "columns": "Match columns", "check": "Check", "run": "Run", "result": "Result"}
    order = list(names)
    here = order.index(current)
    routes = {"columns": "import-columns", "check": "import-check"}
    return [
        {
            "label": label,
            "number": place + 1,
            "second": seconds.get(key, ""),
            "is_current": place == here,
            "is_done": place < here,
            "route": routes.get(key, "") if place < here and not has_run else "",
            "pk": found.pk if found else "",
        }
        for place, (key, label) in enumerate(names.items())
    ]


def has_begun(found: ImportJob) -> bool:
    """Whether staff confirmed the run; before that the import is a draft."""
    return bool(found.job and found.job.kind == start.RUN)
