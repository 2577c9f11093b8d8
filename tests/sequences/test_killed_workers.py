"""Real workers that are killed, frozen, asked to end or cut off from their database in the middle of their work.

What the provider took is counted outside of all of them: nothing may be lost, nothing may be sent twice.
"""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Sum

from integrations.models import IntegrationConfig
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests import knobs
from tests.builders import make_leads, make_sequence
from tests.effects import taken, works
from tests.forking import Workers
from tests.processes import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("healthy"),
    pytest.mark.timeout(60 + 10 * knobs.KILLS),
]
NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LEADS = 20  # in each sequence, so that a worker claims few at a time
LEASE = 2.0
QUICK = {"LEASE_SECONDS": str(int(LEASE)), "SETTLE_SECONDS": "0"}
PATIENT = {"LEASE_SECONDS": str(int(LEASE))}  # what may still be on its way is left alone for ten minutes


@pytest.fixture
def effects(transactional_db, tmp_path: Path) -> Path:
    """Where the provider notes what it took."""
    file = tmp_path / "effects"
    config = {"file": str(file), "seconds": 0.02}
    IntegrationConfig.objects.create(provider="effects", type="email", is_active=True, config=config)
    return file


def enroll_many(sequences: int) -> int:
    """So many sequences with their leads, all due at noon: how many messages that makes."""
    for _ in range(sequences):
        sequence = make_sequence(1)
        enroll(sequence, [lead.pk for lead in make_leads(LEADS)], now=NOON, source="manual", actor=SYSTEM)
    return sequences * LEADS


def claims_of(pid: int) -> int:
    """How many steps the worker has in flight."""
    return SequenceStepExecution.objects.filter(status="PENDING", claimed_by__endswith=f":{pid}").count()


def one_that_works(workers: Workers) -> int:
    """A worker that has claims at this moment; others are started as long as there is none."""

    def look() -> int:
        while len(workers.living()) < 2:
            workers.start()
        return next((pid for pid in workers.living() if claims_of(pid)), 0)

    return int(wait_until(look, pause=0.005, seconds=60))


def finish(workers: Workers, is_done: Callable[[], Any]) -> None:
    def look() -> bool:
        if not workers.living():
            workers.start()
        return bool(is_done())

    try:
        wait_until(look, pause=0.1, seconds=60 + knobs.KILLS)
    except AssertionError:
        open_ones = SequenceStepExecution.objects.exclude(status="SENT")
        print(*open_ones.values_list("status", "held_reason", "due_at", "lease_until", "contact_attempt__status")[:9])
        raise
    for pid in list(workers.living()):
        workers.wait_for(pid)


def everything_is_sent() -> bool:
    return not SequenceStepExecution.objects.exclude(status="SENT").exists()


def recoveries() -> int:
    """How often work was taken over from a worker that had died: its fence rose once more than it was tried."""
    rows = SequenceStepExecution.objects.filter(fence__gt=F("try_no"))
    return int(rows.aggregate(n=Sum(F("fence") - F("try_no")))["n"] or 0)


def assert_once(effects: Path, messages: int) -> None:
    done = works(effects)
    assert [work for work, count in done.items() if count > 1] == []
    assert len(done) == messages
    assert set(done) == set(SequenceStepExecution.objects.filter(status="SENT").values_list("pk", flat=True))


def test_workers_killed_while_they_hold_claims_lose_nothing_and_repeat_nothing(effects):
    messages = enroll_many(knobs.KILLS + 4)
    with Workers(NOON.isoformat(), **QUICK) as workers:
        for _ in range(knobs.KILLS):
            workers.kill(one_that_works(workers))
        finish(workers, everything_is_sent)

    assert recoveries() >= knobs.KILLS
    assert_once(effects, messages)


def test_a_worker_that_froze_for_two_leases_changes_nothing_when_it_goes_on(effects):
    messages = enroll_many(4)
    with Workers(NOON.isoformat(), **PATIENT) as workers:
        frozen = freeze(one_that_works(workers))
        held = claims_of(frozen)
        time.sleep(2 * LEASE)
        workers.start()
        wait_until(lambda: claims_of(frozen) < held)  # what it had not begun is taken over
        os.kill(frozen, signal.SIGCONT)
        workers.wait_for(frozen)
        finish(workers, everything_is_sent)

    assert_once(effects, messages)


def freeze(worker: int) -> int:
    """Stop it between two transactions: nobody could write beside one in which SQLite's only writer stands still."""
    while True:
        os.kill(worker, signal.SIGSTOP)
        if is_writable():
            return worker
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.005)


def is_writable() -> bool:
    if connection.vendor != "sqlite":
        return True
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.05, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        database.execute("ROLLBACK")
        return True


def test_a_worker_that_is_asked_to_end_finishes_its_calls_and_begins_nothing_new(effects):
    messages = enroll_many(3)
    with Workers(NOON.isoformat(), **PATIENT) as workers:
        asked = one_that_works(workers)
        for other in workers.living() - {asked}:
            workers.kill(other)
        wait_until(lambda: taken(effects), pause=0.005)
        began = time.monotonic()
        os.kill(asked, signal.SIGTERM)
        workers.wait_for(asked)

        assert time.monotonic() - began < 5
        assert not claims_of(asked)
        assert len(taken(effects)) < messages, "it was asked too late: this proves nothing"
        finish(workers, everything_is_sent)
    assert_once(effects, messages)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only servers have connections to cut")
def test_connections_cut_under_load_lose_nothing_and_repeat_nothing(effects):
    messages = enroll_many(6)
    cut = 0
    with Workers(NOON.isoformat(), **QUICK) as workers:
        for _ in range(5):
            one_that_works(workers)
            cut += cut_all_others()
        finish(workers, everything_is_sent)

    assert cut
    assert_once(effects, messages)


def cut_all_others() -> int:
    others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}")
        return int(cursor.fetchone()[0])


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="copies the database's files")
def test_work_goes_on_from_the_files_that_a_power_cut_leaves(effects, tmp_path):
    messages = enroll_many(4)
    source, copy = Path(connection.settings_dict["NAME"]), tmp_path / "copy.sqlite3"
    with Workers(NOON.isoformat(), **QUICK) as workers:
        one_that_works(workers)
        wait_until(lambda: taken(effects), pause=0.005)
        for pid in workers.living():
            os.kill(pid, signal.SIGSTOP)
        shutil.copy(source, copy)
        shutil.copy(f"{source}-wal", f"{copy}-wal")  # not the -shm: memory is what a power cut takes
    with Workers(NOON.isoformat(), database=f"sqlite:///{copy}", **QUICK) as workers, sqlite3.connect(copy) as found:
        left = "SELECT count(*) FROM sequences_sequencestepexecution WHERE status <> 'SENT'"
        finish(workers, lambda: found.execute(left).fetchone() == (0,))

    done = works(effects)
    assert len(done) == sum(done.values()) == messages
    SequenceStepExecution.objects.filter(status="PENDING").update(lease_until=clock.now())  # the old file's, unused
