"""One lead's whole story, told in the order in which it happened, under the rules that hold for real contacts.

Everything that is to happen to a lead stands in one queue; what falls behind "now" has happened and becomes rows,
the rest stays planned. So caps and gaps hold across sequences and campaigns, nothing is sent after a purchase or an
opt-out, and every open enrollment has exactly one open step.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from zoneinfo import ZoneInfo

from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import Reason
from campaigns.windows import Rules
from conversions.demo import outcomes
from conversions.demo.chance import Dice, into_window, made_id, tomorrow
from conversions.demo.contacts import Contacts
from conversions.demo.people import Person
from conversions.demo.rows import Enrollment, Execution, Rows, Run
from conversions.models import Conversion
from retention_center.lib.channels import Channel
from sequences import timing
from sequences.models import RetentionSequence, SequenceStep

SMTP_OFF = timedelta(days=2)  # how long ago the provider was switched off that one script insists on
LATE_SHARE = 0.1  # of the steps planned in a bad night some days ago: they wait for staff
LEASE = timedelta(minutes=5)


class Story:
    """Plan with ``enroll`` and ``assign``, then ``tell`` it up to now."""

    def __init__(self, rng: Dice, person: Person, rows: Rows, rules: Rules, now: datetime) -> None:
        self.rng, self.lead, self.rows, self.rules, self.now = rng, person.lead, rows, rules, now
        self.zone = person.zone.key
        self.queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self.order = count()
        self.contacts = Contacts(rng, person, rules, now)
        self.runs: list[Run] = []
        self.places: list[CampaignLead] = []
        self.is_off: Reason | None = None

    def plan(self, at: datetime, happens: Callable[[datetime], None]) -> None:
        heappush(self.queue, (at, next(self.order), happens))

    def tell(self) -> None:
        """Let everything happen that lies before now."""
        while self.queue and self.queue[0][0] <= self.now:
            at, _order, happens = heappop(self.queue)
            happens(at)

    # Sequences ------------------------------------------------------------------------------------------

    def enroll(
        self,
        at: datetime,
        sequence: RetentionSequence,
        steps: list[tuple[SequenceStep, Script]],
        stops_at: datetime | None,
    ) -> None:
        self.plan(at, lambda now: self._enter(now, sequence, steps, stops_at))

    def _enter(
        self,
        at: datetime,
        sequence: RetentionSequence,
        steps: list[tuple[SequenceStep, Script]],
        stops_at: datetime | None,
    ) -> None:
        if self.is_off:
            return
        by_trigger = sequence.trigger_type != RetentionSequence.Trigger.MANUAL
        enrollment = Enrollment(
            id=made_id(self.rng, at),
            sequence=sequence,
            lead=self.lead,
            version=1,
            source=Enrollment.Source.TRIGGER if by_trigger else Enrollment.Source.MANUAL,
            enrolled_at=at,
            updated_at=at,
        )
        run = Run(enrollment, sequence, steps, stops_at)
        self.rows.enrollments.append(enrollment)
        self.runs.append(run)
        self._schedule(run, 0, at)

    def _schedule(self, run: Run, index: int, after: datetime) -> None:
        """Open the run's next step, or complete the run."""
        if index:
            run.enrollment.current_step = index
            run.enrollment.last_step_at = run.enrollment.updated_at = after
        if index >= len(run.steps):
            self._end(run, Enrollment.Status.COMPLETED, "", after)
            return
        step, _script = run.steps[index]
        at = timing.after(after, step.delay_value, step.delay_unit, ZoneInfo(self.zone))
        run.open = Execution(
            id=made_id(self.rng, after),
            enrollment=run.enrollment,
            sequence=run.sequence,
            lead=self.lead,
            step=step,
            step_key=step.key,
            run_no=1,
            scheduled_at=at,
            due_at=at,
        )
        self.rows.executions.append(run.open)
        if run.stops_at is None or at < run.stops_at:
            self.plan(at, lambda now: self._do_step(run, index, now))
        elif run.sequence.status == RetentionSequence.Status.ARCHIVED:
            self.plan(run.stops_at, lambda now: self._stop(run, Reason.SEQUENCE_ARCHIVED, now))

    def _do_step(self, run: Run, index: int, at: datetime) -> None:
        execution, (step, script) = run.open, run.steps[index]
        if run.is_over or execution is None or execution.step_id != step.pk:
            return
        if not self.lead.address_for(step.channel):
            self._close(execution, Execution.Status.SKIPPED, Reason.NO_ADDRESS, at)
            self._schedule(run, index + 1, at)
        elif script.provider and at > self.now - SMTP_OFF:
            self._hold(execution, Reason.NO_PROVIDER, None, at)
        elif self._came_late(at):
            self._hold(execution, Reason.LATE, None, at)
            execution.due_at = None  # staff release it
        elif wait := self._must_wait(at):
            self._hold(execution, *wait, at)
            self.plan(wait[1], lambda now: self._do_step(run, index, now))
        else:
            self._send_step(run, index, script, execution, at)

    def _must_wait(self, at: datetime) -> tuple[Reason, datetime] | None:
        """The rule that closes the window now, and when it opens again."""
        opening = into_window(self.rng, self.rules, at, self.zone)
        if opening > at:
            return Reason.QUIET_HOURS, opening
        if self.contacts.on_day_of(at) >= self.rules.cap:
            return Reason.DAILY_CAP, tomorrow(self.rng, self.rules, at, self.zone)
        return None

    def _came_late(self, at: datetime) -> bool:
        bad_night = timedelta(days=1, hours=6) < self.now - at < timedelta(days=3)
        return bad_night and self.rng.random() < LATE_SHARE

    def _send_step(self, run: Run, index: int, script: Script, execution: Execution, at: datetime) -> None:
        execution.try_no += 1
        execution.fence += 1
        execution.held_reason, execution.held_until, execution.held_since = "", None, None
        attempt, end = self.contacts.make(
            script, at, "sequence", execution.pk, execution.try_no, sequence_name=run.sequence.name
        )
        self.rows.attempts.append(attempt)
        if attempt.was_unsent:
            self._refused(run, index, execution, attempt, at)
            return
        execution.contact_attempt = attempt
        if attempt.status == ContactAttempt.Status.PENDING:
            self._leave_in_flight(execution, at)
            return
        failed = attempt.status in {"FAILED", "BOUNCED"}
        arrived = attempt.status in {"DELIVERED", "SUCCESS"}
        status = Execution.Status.FAILED if failed else Execution.Status.DELIVERED if arrived else Execution.Status.SENT
        self._close(execution, status, attempt.reason, at)
        self._schedule(run, index + 1, at)
        self._consequences(attempt, end, at)

    def _leave_in_flight(self, execution: Execution, at: datetime) -> None:
        """Claimed this very minute, the provider not yet asked; the worker that looks next takes it over."""
        execution.status, execution.due_at = Execution.Status.PENDING, None
        execution.claimed_by, execution.lease_until = "demo", at + LEASE

    def _refused(self, run: Run, index: int, execution: Execution, attempt: ContactAttempt, at: datetime) -> None:
        """Certainly not sent: once more in an hour, then the step is left out."""
        execution.failures += 1
        execution.last_error = attempt.notes
        if execution.failures == 1:
            again = into_window(self.rng, self.rules, at + timedelta(hours=1), self.zone)
            execution.due_at = again
            self.plan(again, lambda now: self._do_step(run, index, now))
            return
        execution.contact_attempt = attempt
        self._close(execution, Execution.Status.SKIPPED, Reason.REFUSED, at)
        self._schedule(run, index + 1, at)

    def _hold(self, execution: Execution, reason: Reason, until: datetime | None, at: datetime) -> None:
        execution.held_reason, execution.held_until, execution.held_since = reason, until, at
        execution.hold_count += 1
        execution.due_at = until or self.now + timedelta(minutes=self.rng.randrange(2, 6))

    def _close(self, execution: Execution, status: str, reason: str, at: datetime) -> None:
        execution.status, execution.reason, execution.executed_at, execution.due_at = status, reason, at, None
        execution.held_reason, execution.held_until, execution.held_since = "", None, None

    def _stop(self, run: Run, reason: Reason, at: datetime, status: str = Enrollment.Status.CANCELLED) -> None:
        """End an open run before its last step: what was scheduled is not sent."""
        if run.is_over:
            return
        if run.open and run.open.status == Execution.Status.SCHEDULED:
            self._close(run.open, Execution.Status.SKIPPED, reason, at)
        self._end(run, status, reason, at)

    def _end(self, run: Run, status: str, reason: str, at: datetime) -> None:
        run.open = None
        run.enrollment.status, run.enrollment.reason = status, reason
        run.enrollment.completed_at = run.enrollment.updated_at = at

    # Campaigns ------------------------------------------------------------------------------------------

    def assign(self, at: datetime, campaign: Campaign, scripts: list[Script], until: datetime, rules: Rules) -> None:
        """Put the lead into the campaign; contacts come until the campaign ended or was paused."""
        place = CampaignLead(id=made_id(self.rng, at), campaign=campaign, lead=self.lead, assigned_at=at, updated_at=at)
        self.rows.campaign_leads.append(place)
        self.places.append(place)
        first = into_window(self.rng, rules, at + timedelta(minutes=self.rng.randrange(3, 90)), self.zone)
        self._await(place, scripts, 0, until, rules, first)

    def _await(
        self, place: CampaignLead, scripts: list[Script], index: int, until: datetime, rules: Rules, at: datetime
    ) -> None:
        """The next contact is planned; what lies beyond the history's end is left to the processor."""
        place.scheduled_at = place.due_at = at
        self.plan(at, lambda now: self._contact(place, scripts, index, until, rules, now))

    def _contact(
        self, place: CampaignLead, scripts: list[Script], index: int, until: datetime, rules: Rules, at: datetime
    ) -> None:
        if place.status == CampaignLead.Status.COMPLETED:
            return
        if at >= until:
            place.due_at = None
            return
        free = max([at, *(contact + rules.gap for contact in self.contacts.times[-3:])])
        if self.contacts.on_day_of(at) >= rules.cap:
            free = tomorrow(self.rng, rules, at, self.zone)
        free = into_window(self.rng, rules, free, self.zone)
        if free > at:
            self._await(place, scripts, index, until, rules, free)
            return
        script = scripts[index]
        if self.lead.address_for(script.type):
            work_id = f"{place.pk}:{script.type}"
            attempt, end = self.contacts.make(script, at, "campaign", work_id, 1, campaign=place.campaign)
            self.rows.attempts.append(attempt)
            place.status, place.updated_at = CampaignLead.Status.CONTACTED, at
            self._consequences(attempt, end, at)
        place.done = [*place.done, script.type]
        if index + 1 < len(scripts):
            self._await(place, scripts, index + 1, until, rules, at + rules.gap)
        elif place.status != CampaignLead.Status.COMPLETED:
            self._complete(place, "", at)

    def _complete(self, place: CampaignLead, reason: str, at: datetime) -> None:
        place.status, place.reason, place.completed_at, place.updated_at = "COMPLETED", reason, at, at
        place.due_at = None

    # What follows from a contact ---------------------------------------------------------------------------

    def _consequences(self, attempt: ContactAttempt, end: str, at: datetime) -> None:
        """Replies and opt-outs stop the lead's runs when they come; a purchase may follow days later."""
        done = attempt.completed_at or at
        if end == "replied":
            self.plan(done, self._after_reply)
        if (
            attempt.status in {"DELIVERED", "SUCCESS"}
            and self.rng.random() < outcomes.OPT_OUT[Channel(attempt.channel)]
        ):
            left = done + timedelta(minutes=self.rng.randrange(2, 900))
            self.plan(left, lambda now: self._opt_out(attempt.channel, now))
        elif self.rng.random() < outcomes.BUYS.get(end, 0):
            bought = done + timedelta(minutes=int(self.rng.expovariate(1 / 900)) + 5)
            self.plan(bought, lambda now: self._buy(attempt, now))

    def _after_reply(self, at: datetime) -> None:
        for run in self.runs:
            self._stop(run, Reason.REPLIED, at)
        if not self.is_off:
            self.lead.status, self.lead.updated_at = "IN_PROGRESS", at

    def _opt_out(self, channel: str, at: datetime) -> None:
        if self.is_off:
            return
        self.rows.opt_outs.append((self.lead, channel, at))
        self._go_off(Reason.OPTED_OUT, Enrollment.Status.CANCELLED, "DO_NOT_CONTACT", at)

    def _buy(self, attempt: ContactAttempt, at: datetime) -> None:
        """A purchase is reported; only a confirmed one makes the lead a customer and ends what runs."""
        if self.is_off:
            return
        standing = outcomes.standing(self.rng)
        self.rows.purchases.append((attempt, at, standing))
        if standing == Conversion.Standing.CONFIRMED:
            self._go_off(Reason.CONVERTED, Enrollment.Status.CONVERTED, "CONVERTED", at)

    def _go_off(self, reason: Reason, status: str, lead_status: str, at: datetime) -> None:
        self.is_off = reason
        self.lead.status, self.lead.updated_at = lead_status, at
        for run in self.runs:
            self._stop(run, reason, at, status)
        for place in self.places:
            if place.status != CampaignLead.Status.COMPLETED:
                self._complete(place, reason, at)
