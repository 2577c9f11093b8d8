"""Leads a second into a sequence with the trigger ``new_lead``, the whole protocol: match, locks, ids, zones, cursors.

The yardstick runs before and after it, on the same leads; ``ratio`` is the speed beside theirs.
"""

from datetime import UTC, datetime

from benchmarks import harness

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
SMALL, REPEATED = 200_000, 3


def measure(rows: int) -> tuple[list[float], list[float]]:
    from benchmarks import limits, people  # models can be imported only after the set-up
    from sequences.models import RetentionSequence, SequenceEnrollment
    from sequences.taking_in import enroll_by_triggers
    from tests.builders import make_sequence

    people.make_many(rows, datetime(2026, 1, 1, tzinfo=UTC), seconds_apart=1)
    trigger = {"trigger_type": RetentionSequence.Trigger.NEW_LEAD}
    steps = [{"delay_value": 1}, {}]
    speeds, bare = [], []

    def yardstick() -> None:
        sequence = make_sequence(steps)
        bare.append(harness.rate(rows, lambda: limits.enroll_new_lead(sequence, NOON)))

    yardstick()
    for _ in range(REPEATED if rows <= SMALL else 1):
        sequence = make_sequence(steps, **trigger)
        speeds.append(harness.rate(rows, lambda: enroll_by_triggers(NOON)))
        if (entered := SequenceEnrollment.objects.filter(sequence=sequence).count()) != rows:
            raise RuntimeError(f"{entered} of {rows} entered; the figure would be worth nothing.")
        yardstick()
    return speeds, bare


if __name__ == "__main__":
    harness.main("auto_enroll", "leads/s", measure)
