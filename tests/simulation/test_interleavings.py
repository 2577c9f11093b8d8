"""Everybody at once on PostgreSQL, statement by statement: what no seam shows (`knobs.py` says how many)."""

import pytest
from django.db import IntegrityError, connection

from tests import knobs
from tests.simulation.checks import Violation
from tests.simulation.interleaving import Interleaved
from tests.simulation.mutants import BETWEEN_STATEMENTS, FOUND_AT, planted

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="on SQLite one transaction writes at a time"),
]
SLICES = 5


def play(seed: int) -> Interleaved:
    """Run it; when it fails, the seed and the last that happened are told."""
    history = Interleaved(seed)
    try:
        history.run()
    except Exception as found:
        told = "\n".join(history.log[-80:])
        raise AssertionError(f"interleaving {seed}: {found}\n{told}") from found
    return history


@pytest.mark.parametrize("part", range(SLICES))
def test_no_order_of_statements_breaks_a_promise_and_all_work_drains(part):
    played = [play(seed) for seed in range(part, knobs.INTERLEAVINGS, SLICES)]
    if len(played) >= 5:
        assert sum(history.statements for history in played) >= 50 * len(played), "too little happened at once"
        assert sum(history.waits for history in played), "nobody ever waited for a lock"


def test_an_order_of_statements_is_always_the_same():
    assert play(5).log == play(5).log


@pytest.mark.parametrize("mutant", BETWEEN_STATEMENTS)
def test_an_interleaving_finds_a_planted_fault(mutant):
    with planted(mutant):
        for seed in [FOUND_AT.get(mutant, 0), *range(knobs.SEEDS_PER_MUTANT)]:
            try:
                Interleaved(seed).run()
            except (Violation, IntegrityError):
                return
    pytest.fail(f"{knobs.SEEDS_PER_MUTANT} interleavings did not notice that {mutant}")
