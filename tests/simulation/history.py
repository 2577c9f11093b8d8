"""One history: workers, staff, leads, trackers and the clock, in an order that only the seed decides."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from django.conf import settings
from django.db import connection
from django.test import override_settings
from greenlet import getcurrent, greenlet

from campaigns import sending
from integrations import inbox
from integrations.models import InboundEvent
from retention_center.audit import SYSTEM
from retention_center.lib import clock, ids, seams
from sequences import processor
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.simulation import acts, world
from tests.simulation.checks import Violation, Watcher
from tests.simulation.provider import PATHS, Hook, Outside, Searchable
from tests.simulation.virtual_time import VirtualTime

START = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
IN_A_CALL = ("begun", "net out", "accepted")
CALM_ROUNDS = 80


class Crash(BaseException):
    """The process dies here."""


@dataclass(slots=True)
class Worker:
    """A process that runs rounds; ``at`` is the seam it stands at, blank between rounds."""

    name: str
    life: greenlet | None = None
    at: str = ""
    calling_since: datetime | None = None


class History:
    """Made from a seed; ``run`` raises `Violation`, and ``log`` then tells what happened."""

    def __init__(self, seed: int, turns: int = 80) -> None:
        self.seed = seed
        self.turns = turns
        self.random = Random(seed)
        self.time = VirtualTime(START + timedelta(minutes=self.random.randrange(24 * 60)))
        self.log: list[str] = []
        self.deaths = 0

    def run(self) -> None:
        """The whole history, on an empty database."""
        with _in_a_world_of_its_own(self):
            world.empty_the_database()
            self.world = world.build(self.random)
            self.watcher = Watcher(self.world)
            self.outside = Outside(
                random=self.random,
                rates=self.world.rates,
                report_rate=self.world.report_rate,
                reply_rate=self.world.reply_rate,
                pause=self._seam,
                on_effect=self._effect,
                honours_keys=self.world.provider_class == "A",
            )
            Searchable.outside = self.outside
            self.workers = [Worker(f"worker {number}") for number in range(self.world.workers)]
            with override_settings(PROVIDERS={"simulated": PATHS[self.world.provider_class]}):
                self._live()

    def _live(self) -> None:
        acts.enroll(self)
        try:
            for _ in range(self.turns):
                self._turn()
                self.watcher.look()
            self._calm_down()
        finally:
            self._kill_all()

    # One turn --------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        busy = [worker for worker in self.workers if worker.at]
        dice = self.random.random()
        if dice < 0.07:
            acts.any_of(self)
        elif dice < 0.16:
            self._pass_time()
        elif dice < 0.25 and self.outside.on_their_way:
            self._deliver(self.random.choice(self.outside.on_their_way))
        elif dice < 0.28 and busy:
            self._crash(self.random.choice(busy))
        elif dice < 0.75 and busy:
            self._go_on(self.random.choice(busy))
        else:
            self._somebody_starts([worker for worker in self.workers if not worker.at])

    def _somebody_starts(self, idle: list[Worker]) -> None:
        """Idle rounds show nothing, so the clock first runs to where something waits."""
        moment = self._next_time()
        if not idle or (moment is None and self.random.random() < 0.9):
            acts.any_of(self)
            return
        if moment and moment > self.time.now():
            self._advance(moment - self.time.now() + timedelta(seconds=self.random.choice((0, 1, 600))))
        if moment is None or moment <= self.time.now():
            self._start(self.random.choice(idle))

    def _start(self, worker: Worker) -> None:
        self.tell(f"{worker.name} starts a round")
        worker.life = greenlet(lambda: processor.run() and "")
        self._went_to(worker, worker.life.switch())

    def _go_on(self, worker: Worker) -> None:
        assert worker.life
        self._went_to(worker, worker.life.switch())

    def _went_to(self, worker: Worker, at: object) -> None:
        worker.at = at if isinstance(at, str) and worker.life else ""
        if not worker.life or worker.life.dead:
            worker.life, worker.at = None, ""
        if worker.at not in IN_A_CALL:
            worker.calling_since = None
        elif worker.calling_since is None:
            worker.calling_since = self.time.now()
        self.tell(f"{worker.name} is at {worker.at or 'rest'}")

    def _crash(self, worker: Worker) -> None:
        self.tell(f"{worker.name} dies at {worker.at}")
        self.deaths += 1
        self._kill(worker)

    def _kill(self, worker: Worker) -> None:
        if worker.life and not worker.life.dead:
            with suppress(Crash):
                worker.life.throw(Crash)
        worker.life, worker.at, worker.calling_since = None, "", None

    def _kill_all(self) -> None:
        for worker in self.workers:
            self._kill(worker)

    def _deliver(self, hook: Hook, *, once: bool = False) -> None:
        """As the web process does it: store, answer, apply. It may come again unless the dice say it was the last."""
        event, _is_new = inbox.receive(
            "simulated",
            hook.kind,
            hook.key,
            facts=hook.facts,
            attempt_id=hook.message.attempt_id,
            provider_ref=hook.reference,
            now=self.time.now(),
        )
        settled = inbox.apply(event, self.time.now())
        self.tell(f"report {hook.key} {hook.facts.get('status', hook.kind)}: {'settled' if settled else 'waits'}")
        self.watcher.was_reported(hook)
        if once or self.random.random() < 0.7:
            self.outside.on_their_way.remove(hook)

    def _pass_time(self) -> None:
        by = timedelta(seconds=self.random.choice((1, 20, 120, 400, 1000, 3600, 6 * 3600, 26 * 3600)))
        self._advance(by)

    def _advance(self, by: timedelta) -> None:
        """A call that froze for longer than it takes to settle is the residual risk nobody can fence (RELIABILITY)."""
        longest = timedelta(seconds=settings.CALL_SECONDS + settings.SETTLE_SECONDS - 60)
        for worker in self.workers:
            if worker.calling_since:
                by = min(by, max(worker.calling_since + longest - self.time.now(), timedelta(0)))
        self.time.advance(by)
        self.tell(f"{by} later")

    def _next_time(self) -> datetime | None:
        due = SequenceStepExecution.objects.scheduled().filter(due_at__isnull=False, sequence__status="ACTIVE")
        leases = SequenceStepExecution.objects.filter(status="PENDING").order_by("lease_until")
        events = InboundEvent.objects.waiting().filter(next_try_at__isnull=False).order_by("next_try_at")
        firsts = (
            due.order_by("due_at").values_list("due_at", flat=True).first(),
            leases.values_list("lease_until", flat=True).first(),
            events.values_list("next_try_at", flat=True).first(),
        )
        return min((first for first in firsts if first), default=None)

    # The end ---------------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """No more faults, everything is resumed, and the clock runs on: now everything must drain."""
        self.outside.is_calm = True
        self.tell("calm")
        for worker in self.workers:
            while worker.at:
                self._go_on(worker)
                self.watcher.look()
        self._resume_everything()
        for _ in range(CALM_ROUNDS):
            while self.outside.on_their_way:
                self._deliver(self.outside.on_their_way[0], once=True)
            processor.run()
            self.watcher.look()
            moment = self._next_time()
            if moment is None:
                break
            self.time.at = max(moment, self.time.now() + timedelta(minutes=1))
            self.tell("the clock runs on")
        self.watcher.at_the_end(self.outside.taken.values(), self.time.now())

    def _resume_everything(self) -> None:
        sending.resume_all(SYSTEM)
        self.watcher.was_resumed("")
        for sequence in RetentionSequence.objects.filter(status="PAUSED"):
            acts.resume_sequence(self, sequence)
        for enrollment in SequenceEnrollment.objects.filter(status="PAUSED"):
            acts.resume_enrollment(self, enrollment)

    # Hooks -----------------------------------------------------------------------------------------------------------

    def _seam(self, name: str) -> None:
        """Where a worker stands still, so that anything else may happen first."""
        if connection.in_atomic_block:
            raise Violation(f"a transaction is open at the seam {name}")
        here = getcurrent()
        if here.parent is not None:
            here.parent.switch(name)

    def _effect(self, message: "acts.Message") -> None:
        self.tell(f"provider takes {message.key}")
        self.watcher.effect(message)

    def tell(self, what: str) -> None:
        self.log.append(f"{self.time.now():%d %H:%M:%S}  {what}")


@contextmanager
def _in_a_world_of_its_own(history: History) -> Iterator[None]:
    """The product's clock, ids and seams belong to the history while it runs."""
    before = clock.source, ids.random_bits, ids._last
    clock.source, ids.random_bits, ids._last = history.time, Random(history.seed).getrandbits, 0
    seams.hook = history._seam
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        seams.hook = None
        clock.source, ids.random_bits, ids._last = before
