"""One history: workers, staff, leads, trackers and the clock, in an order that only the seed decides."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from unittest.mock import patch

from django.conf import settings
from django.db import connection
from django.test import override_settings
from greenlet import getcurrent

from campaigns import by_hand, sending
from campaigns.models import Campaign, Script
from integrations import inbox
from integrations.providers.base import Message
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock, ids, seams
from sequences import processor
from sequences.models import RetentionSequence, SequenceEnrollment
from tests.simulation import acts, database, world
from tests.simulation.checks import Violation, Watcher
from tests.simulation.provider import PATHS, Hook, InTurn, Outside, Searchable
from tests.simulation.virtual_time import VirtualTime
from tests.simulation.workers import Planted, Worker

START = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
STEPS_OF_TIME = (1, 20, 120, 400, 1000, 3600, 6 * 3600, 26 * 3600)
OUTAGE = timedelta(days=3)
CALM_ROUNDS = 80
CALM_STRIDE = timedelta(hours=4)  # what comes due meanwhile shares a round; less than any window, and than late
SEAMS_AT_MOST = 500  # in one turn; beyond it something spins
QUIET_TURNS = 3  # with nothing left to do, after which the calm begins early


class History:
    """Made from a seed; ``run`` raises `Violation`, and ``log`` then tells what happened."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.time = VirtualTime(START + timedelta(minutes=self.random.randrange(24 * 60)))
        self.log: list[str] = []
        self.deaths = self.quiet = self.wishes = self.seams = 0
        self.is_calm = False

    def run(self) -> None:
        """The whole history, on an empty database."""
        with _in_a_world_of_its_own(self):
            database.empty()
            self.world = world.build(self.random)
            self.watcher = Watcher(self.world, self.aside)
            self.outside = self._outside()
            Searchable.outside = self.outside
            self.workers = [Worker(f"worker {number}", skew) for number, skew in enumerate(self.world.skews)]
            provider = override_settings(PROVIDERS={"simulated": PATHS[self.world.provider_class]})
            with provider, patch("campaigns.delivery.call.ThreadPoolExecutor", InTurn):
                self._live()

    def _outside(self) -> Outside:
        return Outside(
            random=self.random,
            rates=self.world.faults,
            report_rate=self.world.report_rate,
            reply_rate=self.world.reply_rate,
            pause=self._seam,
            now=lambda: self.time.at,
            lag=self.world.lag,
            lost_rate=self.world.rates.lost_report,
            on_effect=self._effect,
            honours_keys=self.world.provider_class == "A",
        )

    def _live(self) -> None:
        acts.do(self, acts.enroll)
        try:
            for _ in range(self.world.turns):
                self._turn()
                self.watcher.look()
                if self.quiet >= QUIET_TURNS:
                    break
            self._calm_down()
        finally:
            for worker in self.workers:
                worker.die()

    # One turn --------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self.seams = 0
        busy = [worker for worker in self.workers if worker.at]
        rates = self.world.rates
        if self._happens(rates.act):
            acts.any_of(self)
        elif self._happens(rates.time):
            self._pass_time()
        elif self.outside.on_their_way and self._happens(rates.report):
            self._deliver(self.random.choice(self.outside.on_their_way))
        elif busy and self._happens(rates.crash):
            self._crash(self.random.choice(busy))
        elif busy and self._happens(0.65):
            self._go_on(self.random.choice(busy))
        else:
            self._somebody_starts([worker for worker in self.workers if not worker.at])

    def _somebody_starts(self, idle: list[Worker]) -> None:
        """Idle rounds show nothing, so the clock first runs to where something waits; where nothing does, acts."""
        moment = database.next_time()
        if not idle:
            acts.any_of(self)
        elif moment is None:
            busy = any(worker.at for worker in self.workers)
            self.quiet += not busy and not self.outside.on_their_way
            acts.do(self, self.random.choice(acts.LIVELY))
            if self._happens(0.3):
                self._start(self.random.choice(idle))
        else:
            self.quiet = 0
            if moment > self.time.at:
                self._advance(moment - self.time.at + timedelta(seconds=self.random.choice((0, 1, 600))))
            if moment <= self.time.at:
                self._start(self.random.choice(idle))

    def _start(self, worker: Worker) -> None:
        work = processor.run
        if self._happens(0.05):
            lead = self.random.choice(self.world.leads)
            script = self.world.scripts[self.random.choice(world.CHANNELS)]
            self.wishes += 1
            work = partial(self._contact_by_hand, lead.pk, script, f"wish {self.wishes}")
        self.tell(f"{worker.name} starts {'a round' if work is processor.run else 'a contact by hand'}")
        self._run(worker, partial(worker.start, work))

    def _contact_by_hand(self, lead_id: str, script: Script, token: str) -> None:
        by_hand.contact_now(Lead.objects.get(pk=lead_id), script, token=token, now=clock.now(), actor=SYSTEM)

    def _go_on(self, worker: Worker) -> None:
        self._run(worker, worker.go_on)

    def _run(self, worker: Worker, how: Callable[[datetime], None]) -> None:
        self.time.skew = worker.skew
        try:
            how(self.time.at)
        finally:
            self.time.skew = timedelta(0)
        self.tell(f"{worker.name} is at {worker.at or 'rest'}")

    def _crash(self, worker: Worker) -> None:
        self.tell(f"{worker.name} dies at {worker.at}")
        self.deaths += 1
        worker.die()

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
        if (once or self._happens(0.7)) and hook in self.outside.on_their_way:
            self.outside.on_their_way.remove(hook)

    def _pass_time(self) -> None:
        if self._happens(self.world.rates.jump_back):
            self.time.set_back(timedelta(minutes=self.random.choice((1, 5, 60))))
            self.tell("the clock is set back")
        elif self._happens(self.world.rates.outage):
            self._advance(OUTAGE)
        else:
            self._advance(timedelta(seconds=self.random.choice(STEPS_OF_TIME)))

    def _advance(self, by: timedelta) -> None:
        """A call that froze for longer than it takes to settle is the residual risk nobody can fence (RELIABILITY)."""
        longest = timedelta(seconds=settings.CALL_SECONDS + settings.SETTLE_SECONDS - 60)
        for worker in self.workers:
            if worker.calling_since:
                # A clock that is behind marks the call as begun earlier than it did
                until = worker.calling_since + longest + min(worker.skew, timedelta(0))
                by = min(by, max(until - self.time.at, timedelta(0)))
        self.time.advance(by)
        self.tell(f"{by} later")

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate

    # The end ---------------------------------------------------------------------------------------------------------

    def _calm_down(self) -> None:
        """No more faults, everything is resumed, and the clock runs on: now everything must drain."""
        self.is_calm = self.outside.is_calm = True
        self.tell("calm")
        for worker in self.workers:
            while worker.at:
                self._go_on(worker)
                self.watcher.look()
        self._resume_everything()
        for _ in range(CALM_ROUNDS):
            self.seams = 0
            while self.outside.on_their_way:
                self._deliver(self.outside.on_their_way[0], once=True)
            processor.run()
            self.watcher.look()
            moment = database.next_time()
            if moment is None and not self.outside.on_their_way:
                break
            self.time.advance(max((moment or self.time.at) - self.time.at, timedelta(minutes=1)) + CALM_STRIDE)
            self.tell("the clock runs on")
        self.watcher.at_the_end(self.outside.taken.values(), self.time.now())

    def _resume_everything(self) -> None:
        sending.resume_all(SYSTEM)
        for what in ("", "channel EMAIL", "channel SMS"):
            self.watcher.was_resumed(what)
        for sequence in RetentionSequence.objects.filter(status="PAUSED"):
            acts.resume_sequence(self, sequence)
        for campaign in Campaign.objects.filter(status="PAUSED"):
            acts.resume_campaign(self, campaign)
        for enrollment in SequenceEnrollment.objects.filter(status="PAUSED"):
            acts.resume_enrollment(self, enrollment)

    # Hooks -----------------------------------------------------------------------------------------------------------

    def _seam(self, name: str) -> None:
        """Where a worker stands still, so that anything else may happen first."""
        if connection.in_atomic_block:
            raise Violation(f"a transaction is open at the seam {name}")
        self.seams += 1
        if self.seams > SEAMS_AT_MOST:
            raise Violation("L4: a round goes on for ever")
        here = getcurrent()
        if here.parent is not None:
            here.parent.switch(name)

    def commit(self, really: Callable[[], None]) -> None:
        """A worker's commit may fail, or succeed without the worker being told."""
        may_fail = getcurrent().parent is not None and not self.is_calm
        if may_fail and self._happens(self.world.rates.failed_commit):
            self.tell("a commit fails")
            raise Planted("The commit failed.")
        really()
        if may_fail and self._happens(self.world.rates.lost_connection):
            self.tell("the connection is lost after a commit")
            raise Planted("Nobody knows whether it was committed.")

    def _effect(self, message: Message) -> None:
        self.tell(f"provider takes {message.key}")
        self.watcher.effect(message)

    def aside(self) -> AbstractContextManager[None]:
        """For what the one who watches asks the database."""
        return nullcontext()

    def tell(self, what: str) -> None:
        self.log.append(f"{self.time.at:%d %H:%M:%S}  {what}")


@contextmanager
def _in_a_world_of_its_own(history: History) -> Iterator[None]:
    """The product's clock, ids, seams and commits belong to the history while it runs."""
    before = clock.source, ids.random_bits, ids._last
    clock.source, ids.random_bits, ids._last = history.time, Random(history.seed).getrandbits, 0
    seams.hook = history._seam
    really = connection._commit
    connection._commit = lambda: history.commit(really)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        del connection._commit
        seams.hook = None
        clock.source, ids.random_bits, ids._last = before
