"""The rows that were left out, handed back as a file that can be repaired and imported again."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from leads.models import ImportJob, ImportRow

REASON = "Reason"
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def harmless(cell: str) -> str:
    """The cell with an apostrophe before anything a spreadsheet would run; our own import takes it off again."""
    return f"'{cell}" if cell.startswith(_RUNS) else cell


def lines(importing: ImportJob) -> Iterator[str]:
    """The file, line by line: the columns as they came, and why each row was left out."""
    rows = ImportRow.objects.filter(import_job=importing, outcome=ImportRow.Outcome.INVALID).order_by("number")
    yield "\ufeff" + _line([*importing.columns, REASON])
    for row in rows.iterator(500):
        cells = [row.cells.get(column, "") for column in importing.columns]
        yield _line([*cells, " ".join(problem["message"] for problem in row.problems)])


def table(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """The same for lines that stand nowhere but with whoever asks: the first names the columns."""
    yield "\ufeff"
    yield from (_line(row) for row in rows)


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([harmless(cell) for cell in cells])
    return buffer.getvalue()


def write(importing: ImportJob, path: Path) -> Path:
    """Write the file, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines(importing))
    return path
