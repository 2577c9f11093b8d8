"""The due steps of one sequence, as work for the one door (campaigns.delivery)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Q

from campaigns.delivery.claiming import lock_free
from campaigns.delivery.intent import lease_and_deadline
from campaigns.delivery.reconcile import is_ripe
from campaigns.delivery.work import RETRY_AFTER, TRIES_BEFORE_SKIP, Answer, Outcome, Report, WorkItem
from campaigns.models import ContactAttempt
from campaigns.policy import Decision
from campaigns.reasons import Effect, Reason
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.bulk import listed, update_rows
from sequences.advancing import Finished, advance
from sequences.condition_facts import judge
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.moving import repoint
from sequences.reading import locked_steps

STATUS = SequenceStepExecution.Status

NOT_HELD = {"held_reason": "", "held_until": None, "held_since": None}
NOT_CLAIMED = {"claimed_by": "", "lease_until": None}


class DueSteps:
    """A `WorkSource`: claims by (status, fence), so that of two workers one wins and a stale one changes nothing."""

    origin = ContactAttempt.Origin.SEQUENCE

    def __init__(self, sequence_id: str) -> None:
        self.sequence_id = sequence_id

    # Claiming -----------------------------------------------------------------------------------------------------

    def claim(self, now: datetime, limit: int) -> list[WorkItem]:
        due = SequenceStepExecution.objects.due(now).filter(sequence=self.sequence_id)
        items = self._items(locked_steps(due.order_by("due_at", "id")[:limit]))
        judge(items)
        return items

    def start(self, items: Sequence[WorkItem], attempts: dict[str, str], lease_until: datetime, owner: str) -> set[str]:
        rows = [
            {
                "id": item.id,
                "fence": item.fence,
                "try_no": item.try_no,
                "contact_attempt": attempts[item.id],
            }
            for item in items
        ]
        flight = {"status": STATUS.PENDING, "claimed_by": owner, "lease_until": lease_until, "due_at": None}
        ours = update_rows(
            SequenceStepExecution,
            rows,
            match=("fence",),
            bump=("fence",),
            same=flight | NOT_HELD,
            status=STATUS.SCHEDULED,
        )
        for item in items:
            item.fence += item.id in ours
        return ours

    def wanted(self) -> Q:
        return Q(
            step_executions__status=STATUS.PENDING,
            step_executions__enrollment__status=SequenceEnrollment.Status.ACTIVE,
            step_executions__run_no=F("step_executions__enrollment__run_no"),
        )

    def _items(self, rows: Sequence[SequenceStepExecution]) -> list[WorkItem]:
        """Work items of executions that have their lead, enrollment and step with them."""
        if not rows:
            return []
        sequence = RetentionSequence.objects.get(pk=self.sequence_id)
        return [item_of(row, row.lead, row.step, sequence) for row in rows]

    # What is not sent -----------------------------------------------------------------------------------------------

    def put_off(self, decided: Sequence[tuple[WorkItem, Decision]], now: datetime) -> Report:
        held = [(item, decision) for item, decision in decided if decision.effect == Effect.HOLD]
        skipped = [(item, decision) for item, decision in decided if decision.effect == Effect.SKIP]
        stopped = [(item, decision) for item, decision in decided if decision.effect == Effect.STOP]
        self._hold(held, now)
        self._keep_unmet(skipped)
        completed = self._close(
            [(item, STATUS.SKIPPED, decision.reason) for item, decision in skipped], now, goes_on=True
        )
        self._close([(item, STATUS.SKIPPED, decision.reason) for item, decision in stopped], now, goes_on=False)
        return Report(held=len(held), skipped=len(skipped) + len(stopped), completed=completed)

    def _hold(self, held: Sequence[tuple[WorkItem, Decision]], now: datetime) -> None:
        rows = [
            {
                "id": item.id,
                "fence": item.fence,
                "due_at": decision.until or decision.look_again,
                "held_reason": str(decision.reason),
                "held_until": decision.until,
                "held_since": item.own.held_since if item.own.held_reason == decision.reason else now,
                "hold_count": item.own.hold_count + (item.own.held_reason != decision.reason),
            }
            for item, decision in held
        ]
        update_rows(SequenceStepExecution, rows, match=("fence",), status=STATUS.SCHEDULED)

    def _keep_unmet(self, skipped: Sequence[tuple[WorkItem, Decision]]) -> None:
        """Which condition it was that left the step out, for staff who ask why."""
        rows = [
            {"id": item.id, "fence": item.fence, "result": item.own.result}
            for item, decision in skipped
            if decision.reason == Reason.CONDITION_NOT_MET
        ]
        update_rows(SequenceStepExecution, rows, match=("fence",), status=STATUS.SCHEDULED)

    # What came of it -------------------------------------------------------------------------------------------------

    def settle(self, answers: Sequence[Answer], now: datetime) -> Report:
        """Only rows that are PENDING under the answer's own fence move; a stale worker finds none (INV-10)."""
        self._refresh([answer.intent.item for answer in answers])
        sent = [a for a in answers if a.outcome == Outcome.SENT]
        closed_unknown = [a for a in answers if a.outcome == Outcome.UNKNOWN and a.is_permanent]
        waiting = [a for a in answers if a.outcome == Outcome.UNKNOWN and not a.is_permanent]
        refused = [a for a in answers if a.outcome in {Outcome.REFUSED, Outcome.UNCONFIRMED}]
        postponed = [a for a in answers if a.outcome == Outcome.POSTPONED]
        report = Report(sent=len(sent), failed=len(closed_unknown), unknown=len(waiting))
        done: list[tuple[WorkItem, str, Reason | None]] = [(a.intent.item, STATUS.SENT, None) for a in sent]
        done += [(a.intent.item, STATUS.FAILED, Reason.OUTCOME_UNKNOWN) for a in closed_unknown]
        report.completed = self._close(done, now, goes_on=True, in_flight=True)
        self._postpone(postponed, now)
        report.add(self._refused(refused, now))
        return report

    def _refused(self, refused: Sequence[Answer], now: datetime) -> Report:
        """First failure: again in an hour. Second, or a useless retry: as the step's rule says."""
        again = [a for a in refused if not a.is_permanent and a.intent.item.own.failures + 1 < TRIES_BEFORE_SKIP]
        final = [a for a in refused if a not in again]
        by_rule = {rule: [a for a in final if a.intent.item.own.step.on_failure == rule] for rule in _RULES}
        self._retry(again, now)
        self._wait_for_staff(by_rule[_RULES.WAIT], now)
        skipped = [(a.intent.item, STATUS.SKIPPED, a.reason) for a in by_rule[_RULES.SKIP]]
        completed = self._close(skipped, now, goes_on=True, in_flight=True)
        stopped = [(a.intent.item, STATUS.FAILED, a.reason) for a in by_rule[_RULES.STOP]]
        self._close(stopped, now, goes_on=False, in_flight=True, ended_as=Reason.STEP_FAILED)
        return Report(
            retried=len(again),
            skipped=len(skipped),
            failed=len(stopped),
            held=len(by_rule[_RULES.WAIT]),
            completed=completed,
        )

    def _retry(self, answers: Sequence[Answer], now: datetime) -> None:
        again = now + RETRY_AFTER
        rows = [
            _returned(a) | {"scheduled_at": again, "due_at": again, "failures": a.intent.item.own.failures + 1}
            for a in answers
        ]
        self._give_back(rows, now)

    def _postpone(self, answers: Sequence[Answer], now: datetime) -> None:
        rows = []
        for a in answers:
            holds = a.reason is not None and a.reason.effect == Effect.HOLD
            hold = {"held_reason": str(a.reason) if holds else "", "held_since": now if holds else None}
            rows.append(_returned(a) | {"due_at": now + a.wait} | hold)
        self._give_back(rows, now)

    def _wait_for_staff(self, answers: Sequence[Answer], now: datetime) -> None:
        hold = {"held_reason": str(Reason.WAITS_FOR_STAFF), "held_since": now, "due_at": None}
        rows = [_returned(a) | hold | {"failures": a.intent.item.own.failures + 1} for a in answers]
        self._give_back(rows, now)

    def _give_back(self, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """From in flight back to SCHEDULED, as a step of the version followed by now; paused, without a due time."""
        update_rows(SequenceStepExecution, rows, match=("fence",), status=STATUS.PENDING)
        if not rows:
            return
        SequenceStepExecution.objects.filter(
            pk__in=[row["id"] for row in rows],
            status=STATUS.SCHEDULED,
            enrollment__status=SequenceEnrollment.Status.PAUSED,
        ).update(due_at=None)
        self._cancel_ended([row["id"] for row in rows])
        repoint([row["id"] for row in rows], now)

    def _cancel_ended(self, execution_ids: Sequence[str]) -> None:
        """What comes back after its enrollment ended has nothing to come back to."""
        ended = SequenceStepExecution.objects.filter(pk__in=execution_ids, status=STATUS.SCHEDULED).exclude(
            enrollment__status__in=SequenceEnrollment.OPEN, run_no=F("enrollment__run_no")
        )
        ended.update(
            status=STATUS.SKIPPED, reason=Reason.ENROLLMENT_ENDED, due_at=None, executed_at=clock.now(), **NOT_HELD
        )

    def _close(
        self,
        closed: Sequence[tuple[WorkItem, str, Reason | None]],
        now: datetime,
        *,
        goes_on: bool,
        in_flight: bool = False,
        ended_as: Reason | None = None,
    ) -> int:
        """Close steps for good, then go on with their runs, or end those: how many runs completed."""
        rows = [
            {"id": item.id, "fence": item.fence, "status": status, "reason": str(reason or "")}
            for item, status, reason in closed
        ]
        standing = STATUS.PENDING if in_flight else STATUS.SCHEDULED
        ended = {"executed_at": now, "due_at": None, **NOT_HELD, **NOT_CLAIMED}
        ours = update_rows(SequenceStepExecution, rows, match=("fence",), same=ended, status=standing)
        mine = [(item, reason) for item, _status, reason in closed if item.id in ours]
        if goes_on:
            return advance([Finished(item.own.enrollment, item.lead, item.own.step) for item, _ in mine], now)
        _end_runs([(item.own.enrollment, ended_as or reason) for item, reason in mine], now)
        return 0

    # After a crash ---------------------------------------------------------------------------------------------------

    def abandoned(self, real_now: datetime, limit: int) -> list[tuple[WorkItem, ContactAttempt | None]]:
        expired = SequenceStepExecution.objects.filter(
            sequence=self.sequence_id, status=STATUS.PENDING, lease_until__lt=real_now
        )
        found = expired.order_by("lease_until").select_related("contact_attempt")[:limit]
        ripe = {row.pk: row.lead_id for row in found if is_ripe(row.contact_attempt, real_now)}
        leads = lock_free(ripe.values())
        related = ("contact_attempt", "enrollment", "lead", "step__script__campaign")
        items = self._items(list(expired.filter(pk__in=ripe, lead__in=leads).select_related(*related)))
        lease_until, _deadline = lease_and_deadline(real_now)
        expired.filter(pk__in=[item.id for item in items]).update(fence=F("fence") + 1, lease_until=lease_until)
        for item in items:
            item.fence += 1
        return [(item, item.own.contact_attempt) for item in items]

    def give_back(self, items: Sequence[WorkItem], now: datetime) -> None:
        rows = [
            {"id": item.id, "fence": item.fence, "status": STATUS.SCHEDULED, "due_at": item.own.scheduled_at}
            | NOT_CLAIMED
            for item in items
        ]
        self._give_back(rows, now)

    def _refresh(self, items: Sequence[WorkItem]) -> None:
        """The enrollments as they stand now, under the lead locks: they may have ended while we were calling.

        Whose lead entered anew meanwhile is of a run that is over, whatever the new one does.
        """
        standing = SequenceEnrollment.objects.filter(pk__in=listed([item.own.enrollment_id for item in items]))
        now = {pk: rest for pk, *rest in standing.values_list("pk", "status", "version", "run_no")}
        for item in items:
            enrollment = item.own.enrollment
            enrollment.status, enrollment.version, run_no = now[enrollment.pk]
            if run_no != item.own.run_no:
                enrollment.status = SequenceEnrollment.Status.CANCELLED


_RULES = SequenceStep.OnFailure


def item_of(row: SequenceStepExecution, lead: Lead, step: SequenceStep, sequence: RetentionSequence) -> WorkItem:
    """The execution, with its enrollment and step loaded, as the door and the policy see it."""
    enrollment, script = row.enrollment, step.script
    return WorkItem(
        id=row.id,
        lead=lead,
        channel=step.channel,
        script=script,
        try_no=row.try_no + 1,
        fence=row.fence,
        due_since=max(row.scheduled_at, row.held_until or row.scheduled_at),
        ended_because=_ended_because(enrollment, sequence),
        enrollment_is_paused=enrollment.status == SequenceEnrollment.Status.PAUSED,
        step_is_on=step.is_active,
        owner_runs=sequence.status == RetentionSequence.Status.ACTIVE,
        own_rules=sequence.contact_rules,
        sequence_name=sequence.name,
        campaign=script.campaign if script else None,
        has_tries_left=row.failures + 1 < TRIES_BEFORE_SKIP,
        own=row,
    )


def _returned(answer: Answer) -> dict[str, Any]:
    item = answer.intent.item
    return {
        "id": item.id,
        "fence": item.fence,
        "status": STATUS.SCHEDULED,
        "last_error": answer.detail,
        **NOT_HELD,
        **NOT_CLAIMED,
    }


def _ended_because(enrollment: SequenceEnrollment, sequence: RetentionSequence) -> Reason | None:
    if sequence.status == RetentionSequence.Status.ARCHIVED:
        return Reason.SEQUENCE_ARCHIVED
    return None if enrollment.status in SequenceEnrollment.OPEN else Reason.ENROLLMENT_ENDED


def _end_runs(ended: Sequence[tuple[SequenceEnrollment, Reason | None]], now: datetime) -> None:
    """Cancel the runs that a step's rule or the lead's state stopped; those that had ended stay as they are."""
    rows = [
        {
            "id": enrollment.pk,
            "status": SequenceEnrollment.Status.CANCELLED,
            "reason": str(reason or ""),
            "completed_at": now,
            "updated_at": clock.now(),
        }
        for enrollment, reason in ended
        if enrollment.status in SequenceEnrollment.OPEN
    ]
    update_rows(SequenceEnrollment, rows)
