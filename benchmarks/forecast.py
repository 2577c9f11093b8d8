"""Seconds for a forecast of 14 days: ``--rows`` leads at the first of five steps, each message a day apart
and a rule, a rendering check and a pace asked for each."""

from datetime import UTC, datetime

from benchmarks import harness

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
STEPS = 5


def measure(rows: int) -> list[float]:
    from benchmarks.fill import waiting_sequence  # models can be imported only after the set-up
    from sequences.forecast import forecast
    from tests.builders import make_integration, make_step

    make_integration("sandbox", ratePerSecond=1000)
    sequence = waiting_sequence(rows, NOON, due=rows)
    for order in range(3, STEPS + 1):
        make_step(sequence, order)
    contacts = 0

    def work() -> None:
        nonlocal contacts
        contacts = forecast(sequence, 14, NOON)["totals"]["contacts"]

    seconds = harness.milliseconds(work) / 1000
    if contacts != STEPS * rows:
        raise RuntimeError(f"{contacts} of {STEPS * rows} contacts were foreseen; the figure would be worth nothing.")
    return [seconds]


if __name__ == "__main__":
    harness.main("forecast", "s", measure, rows=100_000)
