"""What must hold: the doctor's promises, and those that only somebody can see who watches from outside."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.models import CampaignLead, ContactAttempt
from campaigns.windows import minutes_of
from integrations.models import InboundEvent
from integrations.providers.base import Message
from leads.models import Lead, Suppression
from leads.suppression import addresses_of, digest
from retention_center import doctor
from sequences import triggers
from sequences.models import RetentionSequence, SequenceStepExecution
from tests.simulation import database
from tests.simulation.provider import Hook
from tests.simulation.world import World

RANK = ContactAttempt.RANK
MANUAL = ContactAttempt.Origin.MANUAL
FOR_STAFF = {"late", "waits_for_staff", "bad_template", "empty_placeholder"}


class Violation(AssertionError):
    """A promise is broken."""


class Watcher:
    """Remembers the order of commits, which is the truth, and compares every effect outside with it.

    What it asks the database it asks ``aside``, so that nobody else comes between a commit and what is known of it.
    """

    def __init__(self, world: World, aside: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self.world = world
        self.aside = aside
        self.effects: Counter[tuple[Any, ...]] = Counter()
        self.contacts: dict[str, list[datetime]] = defaultdict(list)
        self.off: dict[str, set[str]] = {}  # leads, with the attempts they had by then
        self.bought: dict[str, set[str]] = {}  # the same; staff may contact a buyer by hand
        self.called_off: set[str] = set()  # attempts that had not begun when their lead went off
        self.paused: dict[str, set[str]] = {}  # by what is paused ("": all): attempts that may still go out
        self.asked_again: set[str] = set()  # those pauses that are looked at once more when a call begins
        self.erased: set[str] = set()
        self.broken: list[Violation] = []
        self.ranks: dict[str, int] = {}
        self.applied: dict[str, int] = defaultdict(int)  # the highest rank reported to us, by attempt
        self.changes: int | None = -1

    # What staff, leads and trackers did, each right after its commit ----------------------------------------------

    def went_off(self, lead_id: str) -> None:
        self.off[lead_id] = self._call_off(lead_id)

    def has_bought(self, lead_id: str) -> None:
        self.bought[lead_id] = self._call_off(lead_id)

    def _call_off(self, lead_id: str) -> set[str]:
        with self.aside():
            known = dict(ContactAttempt.objects.filter(lead=lead_id).values_list("pk", "called_at"))
            waiting = ContactAttempt.objects.filter(lead=lead_id, called_at=None).exclude(origin=MANUAL)
            self.called_off |= set(waiting.values_list("pk", flat=True))
        return set(known)

    def may_have_gone_on(self, lead_id: str) -> None:
        """Whether the lead may be contacted again is what its row and its addresses say."""
        with self.aside():
            lead = Lead.objects.get(pk=lead_id)
            digests = [digest(address) for address in addresses_of(lead)]
            barred = Suppression.objects.standing().filter(address_digest__in=digests).exists()
        if not barred and lead.deleted_at is None and lead.status != Lead.Status.DO_NOT_CONTACT:
            self.off.pop(lead_id, None)

    def entered_anew(self, lead_id: str) -> None:
        self.bought.pop(lead_id, None)

    def was_paused(self, what: str, *, begun_only: bool) -> None:
        """From now on nothing new goes out for an enrollment's run, a sequence, a channel, or ("") at all."""
        attempts = ContactAttempt.objects.exclude(called_at=None) if begun_only else ContactAttempt.objects.all()
        with self.aside():
            self.paused[what] = set(attempts.values_list("pk", flat=True))
        if begun_only:
            self.asked_again.add(what)

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
            with self.aside():
                attempt = ContactAttempt.objects.filter(pk=message.attempt_id).first()
                if attempt is None:
                    raise Violation(f"INV-3: nobody wrote down that {message.key} is intended")
                self._check_effect(attempt, message, f"{message.key} to lead {self._number(message.lead_id)}")
        except Violation as violation:
            self.broken.append(violation)

    def _check_effect(self, attempt: ContactAttempt, message: Message, said: str) -> None:
        work, gates = self._work_of(attempt)
        self.effects[work] += 1
        if self.effects[work] > 1:
            raise Violation(f"INV-2: went out twice: {said}")
        if attempt.called_at is None or attempt.deadline_at is None:
            raise Violation(f"INV-3: nobody wrote down that the call begins: {said}")
        if attempt.pk in self.called_off:
            raise Violation(f"INV-4: began after the lead went off: {said}")
        barred = (self.off,) if attempt.origin == MANUAL else (self.off, self.bought)
        if any(attempt.pk not in known.get(message.lead_id, {attempt.pk}) for known in barred):
            raise Violation(f"INV-4: intended after the lead went off: {said}")
        for what in ("", f"channel {attempt.channel}", f"provider {attempt.provider}", *gates):
            if what in self.paused and attempt.pk not in self.paused[what]:
                raise Violation(f"INV-8: while {what or 'all'} is paused: {said}")
        self._check_time(attempt, said)

    def _work_of(self, attempt: ContactAttempt) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """(what may have one effect only, what may be paused)."""
        if attempt.origin != ContactAttempt.Origin.SEQUENCE:
            return (attempt.origin, attempt.work_id), (attempt.campaign_id or "no campaign",)
        names = ("enrollment_id", "run_no", "step_key", "sequence_id")
        run = SequenceStepExecution.objects.filter(pk=attempt.work_id).values_list(*names).get()
        return run[:3], (f"{run[0]} {run[1]}", run[3])

    def _check_time(self, attempt: ContactAttempt, said: str) -> None:
        lead_id, decided = attempt.lead_id or "", attempt.started_at
        local = decided.astimezone(ZoneInfo(self.world.zones[lead_id]))
        if not self._is_open(local):
            raise Violation(f"INV-5: decided at {local:%H:%M}, outside {self.world.hours}: {said}")
        # The clock that decides and the database's, by which a call is marked, may be five minutes apart
        assert attempt.called_at
        if attempt.called_at - decided > timedelta(seconds=settings.LEASE_SECONDS + 600):
            raise Violation(f"INV-5: called {attempt.called_at - decided} after it was decided: {said}")
        contacts = self.contacts[lead_id]
        zone = ZoneInfo(self.world.zones[lead_id])
        if sum(known.astimezone(zone).date() == local.date() for known in contacts) >= self.world.cap:
            raise Violation(f"INV-6: over the cap of {self.world.cap}: {said}")
        if any(abs(decided - known) < self.world.gap for known in contacts):
            raise Violation(f"INV-6: closer than {self.world.gap}: {said}")
        contacts.append(decided)

    def _is_open(self, local: datetime) -> bool:
        minute = local.hour * 60 + local.minute
        start, end = map(minutes_of, self.world.hours)
        return start <= minute < end if start < end else minute >= start or minute < end

    def _number(self, lead_id: str) -> int:
        return [lead.pk for lead in self.world.leads].index(lead_id)

    # After every step ---------------------------------------------------------------------------------------------

    def look(self) -> None:
        """What went out wrongly, the doctor's violations, and that no status has fallen; quick when nothing changed."""
        if self.broken:
            raise self.broken[0]
        changes = database.changes()
        if changes is not None and changes == self.changes:
            return
        self.changes = changes
        if broken := database.broken_promises(clocks_agree=self.world.clocks_agree):
            raise Violation(f"doctor: {broken}")
        for pk, status in database.statuses():
            rank = RANK[ContactAttempt.Status(status)]
            if rank < self.ranks.get(pk, 0):
                raise Violation(f"INV-11: attempt {pk} fell to {status}")
            self.ranks[pk] = rank

    # At the end ------------------------------------------------------------------------------------------------------

    def at_the_end(self, taken: Iterable[Message], now: datetime) -> None:
        """Everything drained, what the provider took is on record, and the doctor finds nothing at all."""
        self._everything_drained()
        self._everything_taken_is_recorded(taken)
        for sequence in RetentionSequence.objects.triggered():
            if missed := list(triggers.matching(sequence, now)):
                raise Violation(f"INV-20: never enrolled: {missed}")
        if found := doctor.examine(now, only=database.unprepared(clocks_agree=self.world.clocks_agree)):
            raise Violation("doctor: " + "; ".join(map(str, found)))

    def _everything_drained(self) -> None:
        for row in SequenceStepExecution.objects.open():
            if row.status == "PENDING" or row.due_at is not None or row.held_reason not in FOR_STAFF:
                told = f"{row.step_key} {row.status} held={row.held_reason!r} due={row.due_at}"
                raise Violation(f"L4: a step never drained: {told}")
        for place in CampaignLead.objects.exclude(status="COMPLETED", is_in_flight=False):
            if place.is_in_flight or place.due_at is not None or place.held_reason not in FOR_STAFF:
                told = f"{place.status} held={place.held_reason!r} due={place.due_at}"
                raise Violation(f"L4: a campaign's contact never drained: {told}")
        if left := list(ContactAttempt.objects.filter(status="PENDING").values_list("idempotency_key", flat=True)):
            raise Violation(f"L4: nobody knows what came of {left}")
        if left := list(InboundEvent.objects.waiting().values_list("event_key", "reason")):
            raise Violation(f"L4: reports never applied: {left}")

    def _everything_taken_is_recorded(self, taken: Iterable[Message]) -> None:
        attempts = ContactAttempt.objects.in_bulk([message.attempt_id for message in taken])
        for message in taken:
            attempt = attempts[message.attempt_id]
            if attempt.was_unsent or attempt.called_at is None:
                raise Violation(f"INV-2: {message.key} went out, but counts as never sent")
            is_erased = attempt.lead_id in self.erased  # reports that waited were refused with it
            if RANK[ContactAttempt.Status(attempt.status)] < self.applied[attempt.pk] and not is_erased:
                raise Violation(f"INV-11: {message.key} is only {attempt.status} in spite of its reports")
