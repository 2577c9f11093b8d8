"""Milliseconds of one look of the trigger ``no_conversion`` when there is nobody to take, with however many leads."""

from datetime import timedelta

from benchmarks import harness

REPEATED = 20


def measure(rows: int) -> list[float]:
    from benchmarks import people  # models can be imported only after the set-up
    from retention_center.lib import clock
    from sequences.models import RetentionSequence
    from sequences.taking_in import enroll_by_triggers
    from tests.builders import make_sequence

    now = clock.now()
    apart = 30  # seconds between leads, the last of them made a week ago
    people.make_many(rows, now - timedelta(days=7, seconds=rows * apart), seconds_apart=apart)
    trigger = RetentionSequence.Trigger.NO_CONVERSION
    make_sequence(1, trigger_type=trigger, trigger_config={"minAgeHours": 24}, enrolls_from=now)

    def look() -> None:
        if entered := enroll_by_triggers(clock.now()):
            raise RuntimeError(f"{entered} entered; this look was not idle.")

    look()
    return [harness.milliseconds(look) for _ in range(REPEATED)]


if __name__ == "__main__":
    harness.main("idle_tick", "ms", measure)
