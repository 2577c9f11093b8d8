"""What must hold: the doctor's promises, and those that only somebody can see who watches from outside."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from campaigns.models import ContactAttempt
from campaigns.windows import minutes_of
from integrations.models import InboundEvent
from integrations.providers.base import Message
from retention_center import doctor
from sequences import triggers
from sequences.models import RetentionSequence, SequenceStepExecution
from tests.simulation.provider import Hook
from tests.simulation.world import World

RANK = ContactAttempt.RANK
FOR_STAFF = {"late", "waits_for_staff", "bad_template"}


class Violation(AssertionError):
    """A promise is broken."""


class Watcher:
    """Remembers the order of commits, which is the truth, and compares every effect outside with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.effects: Counter[tuple[Any, ...]] = Counter()
        self.per_day: Counter[tuple[str, Any]] = Counter()
        self.off: dict[str, set[str]] = {}  # leads, with the attempts they had by then
        self.called_off: set[str] = set()  # attempts that had not begun when their lead went off
        self.paused: dict[str, set[str]] = {}  # by enrollment, sequence or "": attempts that may still go out
        self.broken: list[Violation] = []
        self.ranks: dict[str, int] = {}
        self.applied: dict[str, int] = defaultdict(int)  # the highest rank reported to us, by attempt

    # What staff, leads and trackers did, each right after its commit ----------------------------------------------

    def went_off(self, lead_id: str) -> None:
        known = dict(ContactAttempt.objects.filter(lead=lead_id).values_list("pk", "called_at"))
        self.off[lead_id] = set(known)
        self.called_off |= {pk for pk, called_at in known.items() if called_at is None}

    def went_on(self, lead_id: str) -> None:
        self.off.pop(lead_id, None)

    def was_paused(self, what: str, *, begun_only: bool) -> None:
        """From now on nothing new goes out for an enrollment's run, a sequence, or ("") at all."""
        attempts = ContactAttempt.objects.exclude(called_at=None) if begun_only else ContactAttempt.objects.all()
        self.paused[what] = set(attempts.values_list("pk", flat=True))

    def was_resumed(self, what: str) -> None:
        self.paused.pop(what, None)

    def was_reported(self, hook: Hook) -> None:
        status = "SUCCESS" if hook.kind == "reply" else hook.facts["status"]
        if not hook.facts.get("automatic"):
            rank = RANK[ContactAttempt.Status(status)]
            self.applied[hook.message.attempt_id] = max(self.applied[hook.message.attempt_id], rank)

    # What reached the provider ---------------------------------------------------------------------------------

    def effect(self, message: Message) -> None:
        """The provider takes a message at this very moment. What is wrong is kept: an adapter's caller swallows all."""
        try:
            self._check_effect(message)
        except Violation as violation:
            self.broken.append(violation)

    def _check_effect(self, message: Message) -> None:
        work_id = message.key.rpartition(":")[0]
        names = ("enrollment_id", "run_no", "step_key", "sequence_id")
        run = SequenceStepExecution.objects.filter(pk=work_id).values_list(*names).get()
        attempt = ContactAttempt.objects.get(pk=message.attempt_id)
        self.effects[run[:3]] += 1
        said = f"{message.key} to lead {self._number(message.lead_id)}"
        if self.effects[run[:3]] > 1:
            raise Violation(f"INV-2: step {run[2]} of run {run[1]} went out twice: {said}")
        if message.attempt_id in self.called_off:
            raise Violation(f"INV-4: began after the lead went off: {said}")
        if message.attempt_id not in self.off.get(message.lead_id, {message.attempt_id}):
            raise Violation(f"INV-4: intended after the lead went off: {said}")
        for what in ("", f"{run[0]} {run[1]}", run[3]):
            if what in self.paused and message.attempt_id not in self.paused[what]:
                raise Violation(f"INV-8: while paused: {said}")
        self._check_time(attempt, said)

    def _check_time(self, attempt: ContactAttempt, said: str) -> None:
        zone = ZoneInfo(self.world.zones[attempt.lead_id or ""])
        began = attempt.called_at
        assert began is not None
        # A call may begin until its intent's deadline, in which the window may have closed
        slack = timedelta(seconds=settings.LEASE_SECONDS)
        if not any(self._is_open(moment.astimezone(zone)) for moment in (began, began - slack)):
            raise Violation(f"INV-5: at {began.astimezone(zone):%H:%M}, outside {self.world.hours}: {said}")
        self.per_day[attempt.lead_id or "", attempt.started_at.astimezone(zone).date()] += 1
        if self.per_day[attempt.lead_id or "", attempt.started_at.astimezone(zone).date()] > self.world.cap:
            raise Violation(f"INV-6: over the cap of {self.world.cap}: {said}")

    def _is_open(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        start, end = map(minutes_of, self.world.hours)
        return start <= minute < end if start < end else minute >= start or minute < end

    def _number(self, lead_id: str) -> int:
        return [lead.pk for lead in self.world.leads].index(lead_id)

    # After every step ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """The doctor's violations, what went out wrongly, and that no status has fallen."""
        if self.broken:
            raise self.broken[0]
        with connection.cursor() as cursor:
            cursor.execute(*_promises())
            if broken := cursor.fetchall():
                raise Violation(f"doctor: {broken}")
        for pk, status in ContactAttempt.objects.values_list("pk", "status"):
            rank = RANK[ContactAttempt.Status(status)]
            if rank < self.ranks.get(pk, 0):
                raise Violation(f"INV-11: attempt {pk} fell to {status}")
            self.ranks[pk] = rank

    # At the end ------------------------------------------------------------------------------------------------------

    def at_the_end(self, taken: Iterable[Message], now: datetime) -> None:
        """Everything drained, and what the provider took is on record."""
        for row in SequenceStepExecution.objects.open():
            if row.status == "PENDING" or row.due_at is not None or row.held_reason not in FOR_STAFF:
                told = f"{row.step_key} {row.status} held={row.held_reason!r} due={row.due_at}"
                raise Violation(f"L4: a step never drained: {told}")
        if left := list(ContactAttempt.objects.filter(status="PENDING").values_list("idempotency_key", flat=True)):
            raise Violation(f"L4: nobody knows what came of {left}")
        if left := list(InboundEvent.objects.waiting().values_list("event_key", "reason")):
            raise Violation(f"L4: reports never applied: {left}")
        self._everything_taken_is_recorded(taken)
        for sequence in RetentionSequence.objects.triggered():
            if missed := list(triggers.matching(sequence, now)):
                raise Violation(f"INV-20: never enrolled: {missed}")
        if found := doctor.examine(now):
            raise Violation("doctor: " + "; ".join(map(str, found)))

    def _everything_taken_is_recorded(self, taken: Iterable[Message]) -> None:
        attempts = ContactAttempt.objects.in_bulk([message.attempt_id for message in taken])
        for message in taken:
            attempt = attempts[message.attempt_id]
            if attempt.was_unsent or attempt.called_at is None:
                raise Violation(f"INV-2: {message.key} went out, but counts as never sent")
            if RANK[ContactAttempt.Status(attempt.status)] < self.applied[attempt.pk]:
                raise Violation(f"INV-11: {message.key} is only {attempt.status} in spite of its reports")


@cache
def _promises() -> tuple[str, tuple[Any, ...]]:
    """The doctor's violations as one prepared query, so that asking after every step costs little."""
    names: list[str] = []
    parts: list[str] = []
    parameters: list[Any] = []
    now = datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC"))  # promises hold at any time; only alarms look at it
    for check in doctor.checks():
        if check.severity == doctor.VIOLATION:
            rows = check.broken(now).order_by().values_list("pk", flat=True)
            sql, values = rows.query.sql_with_params()
            names.append(check.id)
            parts.append(f"broken{len(parts)}(id) AS ({sql})")
            parameters += values
    told = [f"SELECT '{name}', CAST(id AS text) FROM broken{number}" for number, name in enumerate(names)]
    return f"WITH {', '.join(parts)} {' UNION ALL '.join(told)}", tuple(parameters)
