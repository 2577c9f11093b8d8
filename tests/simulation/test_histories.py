"""Histories that the suite plays each time: how many, TEST_HISTORIES says; `make verify` plays many more."""

import os

import pytest
from django.db import connection

from tests.simulation.checks import Violation
from tests.simulation.history import History
from tests.simulation.mutants import MUTANTS, planted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
SLICES = 4
HISTORIES = int(os.environ.get("TEST_HISTORIES", 120))  # on SQLite
FEWER_ON_POSTGRESQL = 6
SEEDS_PER_MUTANT = 150


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


@pytest.mark.parametrize("part", range(SLICES))
def test_no_history_breaks_a_promise_and_all_work_drains(part):
    count = HISTORIES if connection.vendor == "sqlite" else HISTORIES // FEWER_ON_POSTGRESQL
    dead = taken = 0
    for seed in range(part, count, SLICES):
        history = play(seed)
        dead += history.deaths
        taken += len(history.outside.taken)
    assert dead >= count / SLICES, "too few workers died: this proves little"
    assert taken >= count / SLICES, "too little was sent: this proves little"


def test_a_seed_always_tells_the_same_story():
    assert play(7).log == play(7).log


@pytest.mark.once
@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_simulator_finds_a_planted_fault(mutant):
    with planted(mutant):
        for seed in range(SEEDS_PER_MUTANT):
            try:
                History(seed).run()
            except Exception:  # a constraint that stops the round has found it as well
                return
    pytest.fail(f"{SEEDS_PER_MUTANT} histories did not notice that {mutant}")


def test_a_history_says_which_promise_broke():
    def play_many():
        for seed in range(SEEDS_PER_MUTANT):
            History(seed).run()

    with planted("the contact hours are not looked at"), pytest.raises(Violation, match="INV-5"):
        play_many()
