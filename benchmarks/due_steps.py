"""Steps a second through the whole protocol, with the sandbox answering at once: policy, rendering, intent, call,
record, next step. ``--rows`` is how many executions the table holds; a part of them is due."""

from datetime import UTC, datetime

from benchmarks import harness

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
DUE = 20_000


def measure(rows: int) -> list[float]:
    from benchmarks.fill import waiting_sequence  # models can be imported only after the set-up
    from sequences import processor
    from tests.builders import make_integration

    due = min(rows, DUE)
    make_integration("sandbox")
    waiting_sequence(rows, NOON, due=due)
    sent = 0

    def work() -> None:
        nonlocal sent
        sent = processor.run(NOON)["sent"]

    speed = harness.rate(due, work)
    if sent != due:
        raise RuntimeError(f"{sent} of {due} were sent; the figure would be worth nothing.")
    return [speed]


if __name__ == "__main__":
    harness.main("due_steps", "steps/s", measure, rows=100_000)
