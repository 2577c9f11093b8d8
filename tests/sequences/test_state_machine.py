"""Any order of calls that people, trackers and workers can make keeps every promise; Hypothesis looks for the shortest.

The simulator (tests/simulation) interleaves workers; here each call runs to its end, and odd orders are what is tried.
"""

from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from campaigns import sending
from campaigns.models import ContactAttempt, SendingPause
from conversions import recording
from conversions.matching import Clues
from integrations import inbox
from leads import consent, removing
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from sequences import changing, enrolling, processor
from sequences.enrolling import CannotEnroll
from sequences.models import RetentionSequence, SequenceEnrollment
from sequences.publishing import CannotActivate, StepSpec
from tests import builders, knobs
from tests.simulation import database
from tests.simulation.virtual_time import VirtualTime

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600 if knobs.IS_VERIFYING else 120)]
START = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LEADS = 3
REFUSALS = (RefusedTransition, CannotEnroll, CannotActivate, changing.CannotChange)
one_lead = st.integers(0, LEADS - 1)
delays = st.lists(st.sampled_from([0, 1, 24]), min_size=1, max_size=3)


class Engine(RuleBasedStateMachine):
    """One sequence, three leads, the sandbox, and whatever is called in whatever order."""

    @initialize(hours=delays, stops=st.booleans())
    def begin(self, hours: list[int], stops: bool) -> None:
        database.empty()
        self.time = VirtualTime(START)
        self.before, clock.source = clock.source, self.time
        builders.make_integration("sandbox")
        steps = [{"delay_value": value, "delay_unit": "HOURS"} for value in hours]
        self.sequence = builders.make_sequence(steps, stop_on_reply=stops)
        self.leads = builders.make_leads(LEADS)

    def teardown(self) -> None:
        if hasattr(self, "before"):
            clock.source = self.before

    def lead(self, number: int) -> Lead:
        return Lead.objects.get(pk=self.leads[number].pk)

    @rule(number=one_lead)
    def enroll(self, number: int) -> None:
        self.sequence.refresh_from_db()
        with refused():
            enrolling.enroll(self.sequence, [self.leads[number].pk], now=self.time.now(), source="manual", actor=SYSTEM)

    @rule(hours=st.sampled_from([0, 1, 24, 80]))
    def tick(self, hours: int) -> None:
        self.time.advance(timedelta(hours=hours))
        processor.run()

    @rule(number=one_lead, status=st.sampled_from(["sale", "lead", "rejected"]))
    def convert(self, number: int, status: str) -> None:
        clues = Clues(lead_id=self.leads[number].pk)
        at = self.time.now()
        told = recording.Told(
            source="machine", key=str(number), status=status, revenue=Decimal(5), received_at=at, clues=clues
        )
        recording.record(told, at)

    @precondition(lambda self: ContactAttempt.objects.exists())
    @rule(pick=st.integers(0, 50), status=st.sampled_from(["SENT", "DELIVERED", "FAILED", "BOUNCED", "reply"]))
    def report(self, pick: int, status: str) -> None:
        attempts = list(ContactAttempt.objects.order_by("pk"))
        attempt = attempts[pick % len(attempts)]
        kind = "reply" if status == "reply" else "delivery"
        facts = {"text": "Hello", "automatic": False} if kind == "reply" else {"status": status}
        key = f"{attempt.pk}:{status}"
        event, _new = inbox.receive("sandbox", kind, key, facts=facts, attempt_id=attempt.pk, now=self.time.now())
        inbox.apply(event, self.time.now())

    @rule(number=one_lead)
    def pause_or_resume(self, number: int) -> None:
        enrollment = SequenceEnrollment.objects.filter(lead=self.leads[number]).first()
        if enrollment:
            act = enrolling.resume if enrollment.status == SequenceEnrollment.Status.PAUSED else enrolling.pause
            with refused():
                act(enrollment, actor=SYSTEM)

    @rule(number=one_lead)
    def cancel(self, number: int) -> None:
        enrollment = SequenceEnrollment.objects.filter(lead=self.leads[number]).first()
        if enrollment:
            with refused():
                enrolling.cancel(enrollment, now=self.time.now(), actor=SYSTEM)

    @rule(keeps=st.integers(0, 2), hours=delays)
    def publish(self, keeps: int, hours: list[int]) -> None:
        self.sequence.refresh_from_db()
        old = list(self.sequence.live_steps())[:keeps]
        script = self.sequence.live_steps()[0].script_id
        specs = [
            StepSpec(key=key, channel="EMAIL", script_id=script, delay_value=value, delay_unit="HOURS")
            for key, value in [*((step.key, step.delay_value) for step in old), *(("", value) for value in hours)]
        ]
        with refused():
            changing.replace_steps(self.sequence, specs, now=self.time.now(), actor=SYSTEM)

    @rule()
    def pause_or_resume_sequence(self) -> None:
        self.sequence.refresh_from_db()
        is_running = self.sequence.status == RetentionSequence.Status.ACTIVE
        status = RetentionSequence.Status.PAUSED if is_running else RetentionSequence.Status.ACTIVE
        with refused():
            changing.move(self.sequence, status, now=self.time.now(), actor=SYSTEM)

    @rule(stops=st.booleans(), channel=st.sampled_from(["", "EMAIL"]))
    def stop_sending(self, stops: bool, channel: str) -> None:
        scope = SendingPause.Scope.CHANNEL if channel else SendingPause.Scope.ALL
        (sending.pause if stops else sending.resume)(scope, channel, SYSTEM)

    @rule(number=one_lead, source=st.sampled_from(["stop", "unsubscribe"]))
    def opt_out(self, number: int, source: str) -> None:
        because = {"reason": consent.OPTED_OUT, "source": source, "now": self.time.now(), "actor": SYSTEM}
        consent.opt_out(self.lead(number), channel="EMAIL", **because)

    @rule(number=one_lead)
    def opt_back_in(self, number: int) -> None:
        consent.opt_back_in(self.lead(number), channel="EMAIL", source="start", now=self.time.now(), actor=SYSTEM)

    @rule(number=one_lead)
    def allow_again(self, number: int) -> None:
        consent.allow_again(self.lead(number), now=self.time.now(), actor=SYSTEM)

    @rule(number=one_lead, how=st.sampled_from([removing.delete, removing.delete, removing.restore, removing.erase]))
    def remove(self, number: int, how: object) -> None:
        with refused():
            how(self.lead(number), actor=SYSTEM, now=self.time.now())  # type: ignore[operator]

    @invariant()
    def every_promise_holds(self) -> None:
        if hasattr(self, "time"):
            assert database.broken_promises(clocks_agree=True) == []


def refused() -> AbstractContextManager[None]:
    """Refusals are answers, too."""
    return suppress(*REFUSALS)


def test_any_order_of_calls_keeps_every_promise(transactional_db):
    examples = knobs.MACHINE_EXAMPLES if connection.vendor == "sqlite" else knobs.MACHINE_EXAMPLES // 5
    how = settings(
        max_examples=examples,
        stateful_step_count=knobs.MACHINE_STEPS,
        deadline=None,
        derandomize=not knobs.IS_VERIFYING,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    with database.in_memory():
        run_state_machine_as_test(Engine, settings=how)
