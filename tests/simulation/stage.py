"""Threads with a connection each, of which one at a time does one statement, in the order somebody else chooses.

Everybody stands before each statement, each commit and each seam until told to go on. Who waits for a lock is known by
what PostgreSQL says of its backend, so the order never depends on how fast anything is.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from types import TracebackType
from typing import Any, Self

from django.db import connection

from tests.simulation.checks import Violation
from tests.simulation.workers import Crash

LOOK_EVERY = 0.004  # seconds between two questions whether somebody waits for a lock
PATIENCE = 30.0  # seconds for one statement


class State(Enum):
    RESTS = "rests"  # has nothing to do
    STANDS = "stands"  # at a gate
    GOES = "goes"
    BLOCKED = "blocked"  # waits for a lock that another holds


class Player(threading.Thread):
    """One of them; ``at`` says before what it stands, ``error`` what it failed with."""

    def __init__(self, name: str, skew: timedelta) -> None:
        super().__init__(name=name, daemon=True)
        self.skew = skew
        self.state = State.RESTS
        self.at = ""
        self.backend = 0
        self.error: BaseException | None = None
        self.has_committed = False
        self.is_in_transaction = False
        self.is_dying = False
        self.is_aside = False
        self.goes_on = threading.Semaphore(0)
        self.has_stopped = threading.Semaphore(0)
        self.work: Callable[[], Any] | None = None

    def run(self) -> None:
        """Until it is told to go on with no work."""
        while True:
            self.goes_on.acquire()
            if self.work is None:
                break
            with self._gated():
                self._do(self.work)
            if self.is_dying or self.error:
                connection.close()  # as its process would have
            self.state, self.at = State.RESTS, ""
            self.has_stopped.release()
        connection.close()

    def _do(self, work: Callable[[], Any]) -> None:
        self.state = State.GOES
        try:
            work()
        except Crash:
            pass
        except BaseException as error:
            self.error = error

    @contextmanager
    def _gated(self) -> Iterator[None]:
        really = connection._commit
        connection._commit = lambda: self._pass("COMMIT", really)
        try:
            with connection.execute_wrapper(self._statement):
                yield
        finally:
            del connection._commit

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        def really() -> Any:
            return execute(sql, params, many, context)

        is_going_back = self.is_dying and sql.startswith("ROLLBACK")
        return really() if self.is_aside or is_going_back else self._pass(sql, really)

    def _pass(self, what: str, really: Callable[[], Any]) -> Any:
        self.backend = connection.connection.info.backend_pid
        self.is_in_transaction = connection.in_atomic_block or what == "COMMIT"
        self.stand(what)
        try:
            return really()
        finally:
            self.is_in_transaction = connection.in_atomic_block and what != "COMMIT"
            self.has_committed |= what == "COMMIT" or not (connection.in_atomic_block or what.startswith("SELECT"))
            if self.state == State.BLOCKED:
                self.stand("has its lock")

    def stand(self, where: str) -> None:
        """Until told to go on, or to die here."""
        if not self.is_dying:
            self.at, self.state = where, State.STANDS
            self.has_stopped.release()
            self.goes_on.acquire()
            self.state = State.GOES
        if self.is_dying:
            raise Crash


class Stage:
    """The players, and who of them may go on."""

    def __init__(self, skews: list[timedelta]) -> None:
        self.players = [Player(f"player {number}", skew) for number, skew in enumerate(skews)]

    def __enter__(self) -> Self:
        for player in self.players:
            player.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for player in self.those(State.BLOCKED):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [player.backend])
        for player in self.players:
            player.work, player.is_dying = None, True
            player.goes_on.release(2)  # once to die, once to leave
        for player in self.players:
            player.join(PATIENCE)

    def those(self, *states: State) -> list[Player]:
        return [player for player in self.players if player.state in states]

    def begin(self, player: Player, work: Callable[[], Any]) -> None:
        """Up to its first gate."""
        player.work, player.is_dying, player.error = work, False, None
        self.go_on(player)

    def go_on(self, player: Player) -> bool:
        """To its next gate, or until it waits for a lock; whether anything was committed."""
        waiting = self.those(State.BLOCKED)
        player.has_committed = False
        player.state = State.GOES
        player.goes_on.release()
        self._wait_for(player)
        for other in waiting:
            self._wait_for(other, was_blocked=True)
        return player.has_committed

    def kill(self, player: Player) -> None:
        player.is_dying = True
        self.go_on(player)

    def _wait_for(self, player: Player, *, was_blocked: bool = False) -> None:
        """Until it stands or rests, or nobody but another player can let it go on."""
        began, wait = time.monotonic(), 0.0 if was_blocked else LOOK_EVERY
        while not player.has_stopped.acquire(timeout=wait):
            if self._waits_for_a_lock(player):
                player.state = State.BLOCKED
                return
            if time.monotonic() - began > PATIENCE:
                raise Violation(f"{player.name} never came back from {player.at}")
            wait = LOOK_EVERY

    @staticmethod
    def _waits_for_a_lock(player: Player) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [player.backend])
            return bool(cursor.fetchone()[0])


def current() -> Player | None:
    """The player whose thread asks, if one does."""
    thread = threading.current_thread()
    return thread if isinstance(thread, Player) else None


@contextmanager
def aside() -> Iterator[None]:
    """What the one who watches does in a player's thread belongs to no player, and waits for nobody."""
    player = current()
    if player is None or player.is_aside:
        yield
        return
    player.is_aside = True
    try:
        yield
    finally:
        player.is_aside = False
