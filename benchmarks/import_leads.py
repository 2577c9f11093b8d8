"""Leads a second from a CSV file: read, cleaned, merged with who is there, written, told row by row. As the command.

The file's rows are all new people; the same file once more afterwards must change nobody.
"""

import io
import json
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from benchmarks import harness

MOST_IN_A_FILE = 100_000
REPEATED = 3


def measure(rows: int) -> list[float]:
    if rows > MOST_IN_A_FILE:
        raise SystemExit(f"A file holds at most {MOST_IN_A_FILE:,} rows.")
    speeds = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(REPEATED if rows <= MOST_IN_A_FILE // 10 else 1):
            file = _written(Path(folder) / f"{turn}.csv", rows, turn)
            told: dict[str, Any] = {}
            speeds.append(harness.rate(rows, lambda file=file, told=told: told.update(_imported(file))))  # type: ignore[misc]
            if told["created"] != rows:
                raise RuntimeError(f"{told}; the figure would be worth nothing.")
        if (again := _imported(file))["unchanged"] != rows:
            raise RuntimeError(f"{again}: the same file changed somebody.")
    return speeds


def _written(path: Path, rows: int, turn: int) -> Path:
    with path.open("w") as file:
        file.write("First name,Last name,E-mail,Phone,Plan\n")
        for n in range(rows):
            file.write(f"Ada,Lovelace {n},ada-{turn}-{n}@example.com,+1415{2_000_000 + turn * rows + n},gold\n")
    return path


def _imported(path: Path) -> dict[str, Any]:
    from django.core.management import call_command

    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()):
        call_command("import_leads", str(path))
    return json.loads(said.getvalue().splitlines()[-1])


if __name__ == "__main__":
    harness.main("import_leads", "rows/s", measure)
