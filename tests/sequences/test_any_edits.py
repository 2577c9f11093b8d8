"""Whatever staff do to the steps while people are in them: nobody repeats one, nobody is lost, everybody ends."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention_center.audit import SYSTEM
from sequences import changing, drafting
from sequences.advancing import Finished, advance
from sequences.changing import CannotChange
from sequences.enrolling import enroll
from sequences.impact import impact_of
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from sequences.moving import repoint
from sequences.places import standings
from sequences.specs import spec_of
from tests.builders import make_leads, make_sequence

BEGIN = datetime(2026, 3, 11, 15, 0, tzinfo=UTC)
STATUS = SequenceStepExecution.Status

number = st.integers(0, 9)
EDITS = ("add", "remove", "up", "switch", "delay")
act = st.one_of(
    st.tuples(st.sampled_from(EDITS), number),
    st.tuples(st.sampled_from(("move", "pin", "move", "discard")), number),
    st.tuples(st.sampled_from(("roll back and move", "roll back and pin")), number),
    st.tuples(st.sampled_from(("sent", "sent", "skipped", "take off", "come back", "land", "enter")), number),
)


class Play:
    """One sequence with a few people; each act is a whole call of the product."""

    def __init__(self) -> None:
        self.sequence = make_sequence(3)
        self.leads = make_leads(5)
        self.now = BEGIN
        self.serial = 0
        enroll(self.sequence, [lead.pk for lead in self.leads[:3]], now=self.now, source="manual", actor=SYSTEM)

    def do(self, what: str, which: int) -> None:
        self.now += timedelta(hours=5)
        self.sequence.refresh_from_db()
        try:
            if what in EDITS:
                self.edit(what, which)
            elif what in ("move", "pin"):
                self.publish(what)
            elif what == "discard":
                drafting.discard(self.sequence, actor=SYSTEM)
            elif what.startswith("roll back"):
                to, mode = which % self.sequence.version + 1, what.split()[-1]
                changing.roll_back(self.sequence, to, mode=mode, seen=None, now=self.now, actor=SYSTEM)
            elif what == "enter":
                enroll(self.sequence, [self.leads[which % 5].pk], now=self.now, source="manual", actor=SYSTEM)
            else:
                self.work(what, which)
        except CannotChange:
            pass

    def edit(self, what: str, which: int) -> None:
        kept = drafting.kept(self.sequence)
        specs = kept.specs if kept else [spec_of(step) for step in self.sequence.live_steps()]
        place = which % len(specs)
        match what:
            case "add":
                self.serial += 1
                specs.insert(place, replace(specs[place], key=f"new-{self.serial}", is_active=True))
            case "remove" if len(specs) > 1:
                del specs[place]
            case "up":
                specs.insert(max(place - 1, 0), specs.pop(place))
            case "switch":
                specs[place] = replace(specs[place], is_active=not specs[place].is_active)
            case "delay":
                specs[place] = replace(specs[place], delay_value=which)
        drafting.keep(self.sequence, specs, now=self.now, actor=SYSTEM)

    def publish(self, mode: str) -> None:
        """What was said before is what happens."""
        if (draft := drafting.kept(self.sequence)) is None:
            return
        before = Counter(self.open_steps().values_list("step_key", flat=True))
        impact = impact_of(self.sequence, draft.specs, {})
        if draft.began_from != self.sequence.version:
            drafting.keep(self.sequence, draft.specs, now=self.now, actor=SYSTEM)
        drafting.publish(self.sequence, mode=mode, now=self.now, actor=SYSTEM)
        assert impact.people == before.total()
        if mode == "move":
            for change in impact.changes:
                before[change.from_key] -= change.count
                before[change.to_key] += change.count
        del before[""]
        assert Counter(self.open_steps().values_list("step_key", flat=True)) == +before

    def work(self, what: str, which: int) -> None:
        in_flight = what in ("come back", "land")
        standing = self.open_steps().filter(status=STATUS.PENDING if in_flight else STATUS.SCHEDULED)
        rows = list(standing.order_by("pk"))
        if not rows:
            return
        row = rows[which % len(rows)]
        if what == "take off":
            lease = self.now + timedelta(days=900)
            row.status, row.due_at, row.fence, row.lease_until, row.claimed_by = STATUS.PENDING, None, 1, lease, "w"
            row.save()
        elif what == "come back":
            row.status, row.due_at, row.lease_until, row.claimed_by = STATUS.SCHEDULED, self.now, None, ""
            row.save()
            repoint([row.pk], self.now)
        else:
            self.finish(row, STATUS.SKIPPED if what == "skipped" else STATUS.SENT)

    def finish(self, row: SequenceStepExecution, status: str) -> None:
        row.status, row.executed_at, row.due_at, row.reason = status, self.now, None, "no_email"
        row.lease_until, row.claimed_by = None, ""
        row.save()
        enrollment = SequenceEnrollment.objects.get(pk=row.enrollment_id)
        advance([Finished(enrollment, row.lead, row.step)], self.now)

    def open_steps(self):
        return self.sequence.executions.filter(status__in=SequenceStepExecution.OPEN)

    # What holds at every moment -----------------------------------------------------------------------------------

    def check(self) -> None:
        for enrollment in SequenceEnrollment.objects.all():
            rows = list(enrollment.executions.filter(run_no=enrollment.run_no).select_related("step"))
            assert len({row.step_key for row in rows}) == len(rows)
            standing = [row for row in rows if row.status in SequenceStepExecution.OPEN]
            assert len(standing) == (1 if enrollment.status in SequenceEnrollment.OPEN else 0)
            for row in standing:
                assert row.step_key == row.step.key
                assert row.status == STATUS.PENDING or row.step.version == enrollment.version

    def end(self) -> None:
        """Every step is done when its turn comes: it takes no more turns than there are keys."""
        for _turn in range(60):
            rows = list(self.open_steps())
            if not rows:
                break
            for row in rows:
                self.finish(row, STATUS.SENT)
            self.check()
        assert set(SequenceEnrollment.objects.values_list("status", flat=True)) == {"COMPLETED"}


class _Over(Exception):
    """Ends the transaction of one example."""


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(act, min_size=5, max_size=20))
def test_whatever_is_edited_nobody_repeats_a_step_and_everybody_ends(acts):
    try:
        with transaction.atomic():
            play = Play()
            for what, which in acts:
                play.do(what, which)
                play.check()
            play.end()
            assert (
                RetentionSequence.objects.get().steps.count()
                >= play.sequence.executions.values("step").distinct().count()
            )
            assert not standings(play.open_steps())
            raise _Over
    except _Over:
        pass
