"""Steps a second through the whole protocol, with the sandbox answering at once: policy, rendering, intent, call,
record, next step. ``--rows`` is how many executions the table holds; now and then a few thousand of them come due.

The yardstick runs before and after it, on others of the same table; ``ratio`` is the speed beside theirs.
"""

from datetime import UTC, datetime

from benchmarks import harness

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
AT_ONCE, REPEATED = 10_000, 3


def measure(rows: int) -> tuple[list[float], list[float]]:
    from benchmarks import fill, limits  # models can be imported only after the set-up
    from sequences import processor
    from tests.builders import make_integration

    make_integration("sandbox")
    sequence = fill.waiting_sequence(rows, NOON, due=0)
    at_once = min(AT_ONCE, rows // (2 * REPEATED + 1))
    speeds, bare, begun = [], [], 0

    def come_due() -> None:
        nonlocal begun
        fill.make_due(range(begun + 1, begun + at_once + 1), NOON)
        begun += at_once

    def yardstick() -> None:
        come_due()
        bare.append(harness.rate(at_once, lambda: limits.due_steps(sequence, NOON)))

    yardstick()
    for _ in range(REPEATED):
        come_due()
        counts: dict[str, int] = {}
        speeds.append(harness.rate(at_once, lambda into=counts: into.update(processor.run(NOON))))
        if counts["sent"] != at_once:
            raise RuntimeError(f"{counts['sent']} of {at_once} were sent; the figure would be worth nothing.")
        yardstick()
    return speeds, bare


if __name__ == "__main__":
    harness.main("due_steps", "steps/s", measure, rows=100_000)
