"""How much is tried: little in every run of the suite, very much in `make verify`. The one place that reads it."""

import os

IS_VERIFYING = os.environ.get("TEST_VERIFY") == "1"


def amount(name: str, usual: int, verifying: int) -> int:
    """``TEST_<name>``, or what belongs to the occasion."""
    return int(os.environ.get(f"TEST_{name}") or (verifying if IS_VERIFYING else usual))


HISTORIES = amount("HISTORIES", 1000, 1000)  # on SQLite; `make verify` plays its own many beside the suite
HISTORIES_POSTGRESQL = amount("HISTORIES_POSTGRESQL", 20, 1000)
INTERLEAVINGS = amount("INTERLEAVINGS", 50, 2000)  # on PostgreSQL, statement by statement
SEEDS_PER_MUTANT = amount("SEEDS_PER_MUTANT", 150, 150)
MACHINE_EXAMPLES = amount("MACHINE_EXAMPLES", 60, 2000)
MACHINE_STEPS = amount("MACHINE_STEPS", 20, 50)
KILLS = amount("KILLS", 10, 200)  # on each database
FUZZED = amount("FUZZED", 150, 10_000)  # forged and odd reports, from each source
FUZZ_SECONDS = amount("FUZZ_SECONDS", 8, 900)  # of the API, by its document, as each role
