"""One run of a sequence, played forward in memory with the words of the engine itself: nothing is written."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns import policy
from campaigns.delivery.facts import Surroundings, facts_of
from campaigns.policy import Decision
from campaigns.reasons import Effect, Reason
from campaigns.rules import main_zone
from leads.models import Lead
from sequences import condition_facts
from sequences.conditions import holds
from sequences.due_steps import item_of
from sequences.forecast_pace import Lanes
from sequences.forecast_scripts import Fitting
from sequences.forecast_tally import Tally
from sequences.models import RetentionSequence, SequenceStep, SequenceStepExecution
from sequences.places import Course
from sequences.timing import after

Contact = tuple[datetime, str]  # when, on which channel
TAKEN = frozenset({"sent"})  # the result of a step that a provider took, before any report about it


@dataclass(slots=True)
class Run:
    """Where somebody stands: ``row`` is the open step with its enrollment, saved or not; it is changed in memory.

    ``done`` are the keys this run is through with, ``results`` what came of them. ``is_in_flight``: the open step is
    with its provider, so that only what comes after it is foreseen.
    """

    row: SequenceStepExecution
    lead: Lead
    step: SequenceStep
    done: set[str] = field(default_factory=set)
    results: dict[str, frozenset[str]] = field(default_factory=dict)
    converted: bool = False
    is_in_flight: bool = False


@dataclass
class Walk:
    """Plays runs forward from ``now`` to before ``end``, one after the other, into ``tally``.

    ``steps`` are those of every version. ``around`` is what the door knows about the leads at hand; contacts that are
    foreseen are added to it, so that they count against cap and gap like any other.
    """

    sequence: RetentionSequence
    steps: Mapping[int, list[SequenceStep]]
    now: datetime
    end: datetime
    lanes: Lanes
    fitting: Fitting
    tally: Tally
    around: Surroundings
    _next: dict[tuple[Any, ...], SequenceStep | None] = field(default_factory=dict)

    def run(self, run: Run) -> list[Contact]:
        """The whole rest of one run: the contacts it brings."""
        at: datetime | None = max(run.row.due_at or self.now, self.now)
        if run.is_in_flight:
            run.results[run.step.key] = TAKEN
            at = self._advance(run, self.now)
        contacts: list[Contact] = []
        waits = self._waiting(run)
        while at is not None and at < self.end:
            item = item_of(run.row, run.lead, run.step, self.sequence)
            item.conditions_hold = self._conditions_hold(run)
            self.around.now = at
            facts = facts_of(item, self.around)
            decision = policy.decide(facts, at)
            provider = facts.provider or ""
            if decision.sends and (free_at := self.lanes.opens_at(provider, at)) > at:
                waits.add((run.step.key, str(Reason.BEYOND_PACE)))
                at = free_at
                continue
            if decision.sends and (reason := self.fitting.reason(item)):
                decision = Decision(reason)
            if decision.sends:
                self.lanes.take(provider, at)
                self._contact(run, provider, at)
                contacts.append((at, run.step.channel))
                at = self._advance(run, at)
            else:
                at = self._not_sent(run, decision, at, waits)
        self.tally.held.update(reason for _key, reason in waits)
        return contacts

    def _waiting(self, run: Run) -> set[tuple[str, str]]:
        """What the open step waits for already, as (step, reason)."""
        row = run.row
        return {(run.step.key, row.held_reason)} if row.held_reason and row.due_at and row.due_at > self.now else set()

    def _contact(self, run: Run, provider: str, at: datetime) -> None:
        self.tally.contact(at, run.step.channel, provider)
        self.around.count(run.lead.pk, run.step.channel, at)
        run.results[run.step.key] = TAKEN
        if run.lead.status == Lead.Status.NEW:
            run.lead.status = Lead.Status.CONTACTED

    def _not_sent(self, run: Run, decision: Decision, at: datetime, waits: set[tuple[str, str]]) -> datetime | None:
        """What the engine would do with a hold, a skip or a stop: when to look again, None for never."""
        reason = decision.reason
        if reason is None or decision.effect == Effect.STOP:
            self.tally.ended[str(reason)] += 1
            return None
        if decision.effect == Effect.SKIP:
            self.tally.skipped[str(reason)] += 1
            return self._advance(run, at)
        if decision.until is not None:
            run.row.held_until = decision.until
        foreseen = decision.until or (None if reason in policy.LOOK_AGAIN else decision.look_again)
        if foreseen is None:
            self.tally.blocked[str(reason)] += 1
        else:
            waits.add((run.step.key, str(reason)))
        return foreseen

    def _advance(self, run: Run, at: datetime) -> datetime | None:
        """Go on to the next step: when it is due, None when the run is complete."""
        run.done.add(run.step.key)
        step = self._step_after(run.row.enrollment.version, run.step, run.done)
        if step is None:
            self.tally.completes += 1
            return None
        run.step = step
        due = after(at, step.delay_value, step.delay_unit, main_zone(run.lead))
        run.row.scheduled_at, run.row.held_until = due, None
        return max(due, at)

    def _step_after(self, version: int, last: SequenceStep, done: Collection[str]) -> SequenceStep | None:
        key = (version, last.key, last.step_order, frozenset(done))
        if key not in self._next:
            self._next[key] = Course(last.sequence_id, self.steps.get(version, ())).after(last, key[3])
        return self._next[key]

    def _conditions_hold(self, run: Run) -> bool:
        conditions = run.step.conditions
        if not conditions:
            return True
        return holds(conditions, condition_facts.facts_of(run.lead, converted=run.converted, results=run.results))
