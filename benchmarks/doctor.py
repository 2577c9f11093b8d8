"""Seconds for the whole doctor over a house in order: ``--rows`` executions, and the people, runs, attempts,
conversions, events and audit that belong to so many."""

import time
from datetime import UTC, datetime

from benchmarks import harness

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


def measure(rows: int) -> list[float]:
    from benchmarks import fill  # models can be imported only after the set-up
    from retention_center import doctor

    fill.running_house(rows, NOON)
    fill.analyze()
    began = time.perf_counter()
    findings = doctor.examine(NOON)
    took = time.perf_counter() - began
    if findings:
        raise RuntimeError(f"The house is not in order: {'; '.join(map(str, findings))}")
    return [took]


if __name__ == "__main__":
    harness.main("doctor", "s", measure, rows=1_000_000)
