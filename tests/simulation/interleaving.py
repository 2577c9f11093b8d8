"""Histories on PostgreSQL in which everybody runs at once, statement by statement, in an order the seed decides."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings

from campaigns.by_hand import MayNot
from campaigns.models import ContactAttempt
from sequences import processor
from tests.simulation import acts, database, stage, world
from tests.simulation.checks import Violation
from tests.simulation.history import History
from tests.simulation.stage import Player, Stage, State

SCENES = (3, 4, 5)
PACES = (1, 20, 120, 310)  # seconds that may pass while all stand somewhere; the last outlasts a lease
LONGEST_FREEZE = settings.CALL_SECONDS + settings.SETTLE_SECONDS - 60  # beyond it is what nobody can fence
STEPS_AT_MOST = 3000  # of one scene


class Interleaved(History):
    """A history of scenes: in each, two or three do something at once, and all of them end or die."""

    def _live(self) -> None:
        random = self.random
        self.stays = random.choice((0, 0.5, 0.9))  # how likely who went on last goes on
        self.statements = self.waits = 0
        self.spared: dict[Player, set[str]] = {}  # who was in a transaction when something was paused, and what
        acts.do(self, acts.enroll)
        with Stage(self.world.skews) as self.stage:
            for _ in range(random.choice(SCENES)):
                self._run_to_where_something_waits()
                self._scene()
        self._calm_down()

    def _run_to_where_something_waits(self) -> None:
        moment = database.next_time()
        if moment is None:
            acts.do(self, self.random.choice(acts.LIVELY))
        elif moment > self.time.at:
            self.time.advance(moment - self.time.at + timedelta(seconds=self.random.choice((0, 1, 600))))
            self.tell("the clock runs to where something waits")

    def _scene(self) -> None:
        self.seams, self.freeze = 0, LONGEST_FREEZE - (300 if any(self.world.skews) else 0)
        for player in self.stage.players:
            said, work = self._some_work()
            self.tell(f"{player.name}: {said}")
            self._on_its_clock(player, partial(self.stage.begin, player, partial(_survive, work)))
        last = self.stage.players[0]
        for _ in range(STEPS_AT_MOST):
            standing = self.stage.those(State.STANDS)
            if not standing:
                break
            last = last if last in standing and self._happens(self.stays) else self.random.choice(standing)
            self._step(last)
        if stuck := self.stage.those(State.BLOCKED, State.STANDS):
            where = "; ".join(f"{one.name} {one.state.value} at {_short(one.at)}" for one in stuck)
            raise Violation(f"L4: a deadlock, or no end: {where}")
        self.watcher.look()

    def _some_work(self) -> tuple[str, Callable[[], Any]]:
        """A round most of the time; else what people, providers and trackers do."""
        if self._happens(0.55):
            return "a round", processor.run
        if self.outside.on_their_way and self._happens(0.4):
            hook = self.random.choice(self.outside.on_their_way)
            return f"report {hook.key}", partial(self._deliver, hook)
        if self._happens(0.25):
            self.wishes += self._happens(0.6)  # else somebody clicked twice
            lead = self.world.leads[self.wishes % len(self.world.leads)]
            script = self.world.scripts[world.CHANNELS[self.wishes % len(world.CHANNELS)]]
            return "a contact by hand", partial(self._contact_by_hand, lead.pk, script, f"wish {self.wishes}")
        return "somebody acts", partial(acts.any_of, self)

    def _step(self, player: Player) -> None:
        if self._happens(self.world.rates.crash / 20):
            self.tell(f"{player.name} dies at {_short(player.at)}")
            self.deaths += 1
            self.stage.kill(player)
            return
        if self._happens(self.world.rates.time / 20):
            seconds = min(self.random.choice(PACES), self.freeze)
            self.freeze -= seconds
            self.time.advance(timedelta(seconds=seconds))
            self.tell(f"{seconds} s later")
        self.statements += 1
        self.tell(f"  {player.name} {_short(player.at)}")
        waiting = len(self.stage.those(State.BLOCKED))
        paused, known = set(self.watcher.paused), self._known() if player in self.spared else set()
        has_committed = self._on_its_clock(player, partial(self.stage.go_on, player))
        self.waits += len(self.stage.those(State.BLOCKED)) > waiting
        if player.error:
            raise player.error
        if has_committed:
            for what in self.spared.pop(player, ()):
                self.watcher.paused.get(what, set()).update(self._known() - known)
            self.watcher.look()
        self._spare(set(self.watcher.paused) - paused - self.watcher.asked_again)

    def _spare(self, paused: set[str]) -> None:
        """An intent whose transaction had begun by the time that the pause was committed may still go out (INV-8)."""
        for player in self.stage.players if paused else ():
            if player.is_in_transaction:
                self.spared[player] = self.spared.get(player, set()) | paused

    def _known(self) -> set[str]:
        return set(ContactAttempt.objects.values_list("pk", flat=True))

    def _on_its_clock(self, player: Player, how: Callable[[], Any]) -> Any:
        self.time.skew = player.skew
        try:
            return how()
        finally:
            self.time.skew = timedelta(0)

    def aside(self) -> AbstractContextManager[None]:
        return stage.aside()

    def _seam(self, name: str) -> None:
        super()._seam(name)
        if player := stage.current():
            player.stand(f"({name})")


def _survive(work: Callable[[], Any]) -> None:
    try:
        work()
    except MayNot:
        """Whoever asked is told so."""


def _short(sql: str) -> str:
    return " ".join(sql.split())[:100]
