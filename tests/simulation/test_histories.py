"""Histories that the suite plays each time (`knobs.py` says how many); `make verify` plays many more."""

import pytest
from django.db import IntegrityError, connection

from tests import knobs
from tests.simulation import database
from tests.simulation.checks import Violation
from tests.simulation.corpus import FOUND
from tests.simulation.history import History
from tests.simulation.mutants import FOUND_AT, MUTANTS, planted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
SLICES = 20


@pytest.fixture(autouse=True)
def _in_memory(transactional_db):
    with database.in_memory():
        yield


def play(seed: int) -> History:
    """Run it; when it fails, the seed and everything that happened are told."""
    history = History(seed)
    try:
        history.run()
    except Exception as found:
        told = "\n".join(history.log[-60:])
        raise AssertionError(
            f"seed {seed}: {found}\nReplay: python -m tests.simulation --seed {seed}\n{told}"
        ) from found
    return history


def test_no_seed_that_once_found_something_finds_it_again():
    for seed in FOUND:
        play(seed)


@pytest.mark.parametrize("part", range(SLICES))
def test_no_history_breaks_a_promise_and_all_work_drains(part):
    count = knobs.HISTORIES if connection.vendor == "sqlite" else knobs.HISTORIES_POSTGRESQL
    played = [play(seed) for seed in range(part, count, SLICES)]
    if len(played) >= 20:
        assert sum(history.deaths for history in played) >= len(played) / 5, "too few workers died"
        assert sum(len(history.outside.taken) for history in played) >= len(played), "too little was sent"


@pytest.mark.once
def test_a_seed_always_tells_the_same_story():
    assert play(7).log == play(7).log


@pytest.mark.once
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_simulator_finds_a_planted_fault(mutant):
    """Only a broken promise, or the database's own refusal to let one be broken, counts as found."""
    with planted(mutant):
        for seed in [FOUND_AT.get(mutant, 0), *range(knobs.SEEDS_PER_MUTANT)]:
            try:
                History(seed).run()
            except (Violation, IntegrityError):
                return
    pytest.fail(f"{knobs.SEEDS_PER_MUTANT} histories did not notice that {mutant}")


@pytest.mark.once
def test_a_history_says_which_promise_broke():
    def play_many():
        for seed in range(knobs.SEEDS_PER_MUTANT):
            History(seed).run()

    with planted("the contact hours are not looked at"), pytest.raises(Violation, match="INV-5"):
        play_many()
