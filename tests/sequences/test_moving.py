"""Where people go on after an edit: the rule, steps in flight, and many people at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.delivery import rounds
from integrations.models import IntegrationConfig
from integrations.providers.base import NotSent
from retention_center.audit import SYSTEM
from sequences import changing, processor
from sequences.enrolling import enroll
from sequences.impact import impact_of
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.moving import repoint
from sequences.places import Course, Done, place_of_gone
from sequences.publishing import publish
from sequences.specs import spec_of
from tests.builders import make_integration, make_leads, make_script, make_sequence
from tests.stub_provider import PATH, StubProvider

DAY = timedelta(days=1)


def course(text: str, off: str = "") -> Course:
    """The steps "A B C" in this order; those in ``off`` are switched off."""
    steps = [
        SequenceStep(key=key, step_order=order, is_active=key not in off) for order, key in enumerate(text.split(), 1)
    ]
    return Course("nowhere", steps)


@pytest.mark.parametrize(
    ("old", "done", "new", "goes_on"),
    [
        ("A B C", "", "A B C", "A"),
        ("A B C", "", "X A B C", "X"),  # a new first step
        ("A B C", "A", "A X B C", "X"),  # a new step before the one that waits
        ("A B C", "A", "X A B C", "B"),  # a new step before what they have had
        ("A B C", "A B", "C A B", None),  # all that is left stands before it
        ("A B C", "A", "B C", "B"),  # the last one done is gone
        ("A B C D", "A B", "C D", "C"),  # so are others before it
        ("A B C D", "A B", "A C D", "C"),
        ("A B C", "A", "X B C", "B"),  # another took its place
        ("A B C", "A B", "A X C", "C"),
        ("A B C", "A B", "C A", "C"),
        ("A B", "A B", "A", None),
        ("A B C", "A", "A C B", "C"),
    ],
)
def test_a_run_goes_on_with_the_first_step_behind_the_last_one_done(old, done, new, goes_on):
    steps, older = course(new), {key: order for order, key in enumerate(old.split(), 1)}
    steps._older = {1: older}
    last = Done(done.split()[-1], 1, older[done.split()[-1]]) if done else None
    found = steps.next_after(last, set(done.split()))

    assert (found.key if found else None) == goes_on


def test_steps_that_are_off_or_done_are_passed_over():
    assert course("A B C D", off="B").next_after(Done("A", 1, 1), {"A", "C"}).key == "D"


def test_a_gone_step_keeps_its_old_place_between_its_neighbours():
    assert place_of_gone(Done("B", 1, 2), {"A": 1, "B": 2, "C": 3}, {"A": 1, "X": 2, "Y": 3, "C": 4}) == 2


@pytest.fixture
def walked(now):
    """Three steps; three leads have done the first and wait for the second."""
    make_integration("sandbox")
    sequence = make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])
    enroll(sequence, [lead.pk for lead in make_leads(3)], now=now, source="manual", actor=SYSTEM)
    processor.run(now)
    return sequence


def specs_of(sequence):
    return [spec_of(step) for step in sequence.live_steps()]


def new_step(**fields):
    fields = {"key": "new", "script_id": make_script(name="New").pk} | fields
    return replace(spec_of(SequenceStep(channel="EMAIL", delay_value=1, delay_unit="DAYS")), **fields)


def keys_open() -> set[str]:
    return set(SequenceStepExecution.objects.open().values_list("step_key", flat=True))


def keys_sent() -> list[list[str]]:
    return [
        list(enrollment.executions.filter(status="SENT").order_by("executed_at").values_list("step_key", flat=True))
        for enrollment in SequenceEnrollment.objects.all()
    ]


def told(sequence, specs) -> list[str]:
    found = impact_of(sequence, specs, {})
    return [f"{found.keep} keep", *found.lines]


@pytest.mark.django_db
@pytest.mark.usefixtures("healthy")
class TestPeople:
    def test_a_step_put_before_the_one_that_waits_comes_first(self, walked, now):
        first, second, third = specs_of(walked)
        specs = [first, new_step(), second, third]

        assert told(walked, specs) == ["0 keep", "3 people wait at “Second”; they get step 2 before it."]
        publish(walked, specs, now=now, actor=SYSTEM)
        assert keys_open() == {"new"}
        for day in range(1, 9):
            processor.run(now + day * DAY)
        assert keys_sent() == [["step-1", "new", "step-2", "step-3"]] * 3

    def test_pinned_people_finish_on_their_version_and_new_ones_take_the_new(self, walked, now):
        first, _second, third = specs_of(walked)
        publish(walked, [first, third], mode="pin", now=now, actor=SYSTEM)
        later = make_leads(1)[0]
        enroll(walked, [later.pk], now=now, source="manual", actor=SYSTEM)
        for day in range(9):
            processor.run(now + day * DAY)

        assert sorted(keys_sent()) == [["step-1", "step-2", "step-3"]] * 3 + [["step-1", "step-3"]]
        assert set(walked.enrollments.values_list("status", flat=True)) == {"COMPLETED"}

    def test_a_later_move_takes_pinned_people_too(self, walked, now):
        first, second, third = specs_of(walked)
        publish(walked, [first, third], mode="pin", now=now, actor=SYSTEM)
        assert impact_of(walked, [first, third], {}).pinned == (
            "3 finish as they began: 3 on version 1. Only new people get version 3."
        )
        publish(walked, [first, third, second], now=now, actor=SYSTEM)

        assert set(walked.enrollments.values_list("version", flat=True)) == {3}
        assert keys_open() == {"step-3"}  # it stands next behind the first now

    def test_rolling_back_repeats_nothing(self, walked, now):
        specs = specs_of(walked)
        publish(walked, specs[1:], now=now, actor=SYSTEM)
        processor.run(now + DAY)
        changing.roll_back(walked, 1, mode="move", seen=2, now=now + DAY, actor=SYSTEM)
        for day in range(2, 9):
            processor.run(now + day * DAY)

        assert keys_sent() == [["step-1", "step-2", "step-3"]] * 3

    def test_what_was_late_and_waits_for_staff_is_not_freed_by_an_edit(self, walked, now):
        SequenceStepExecution.objects.open().update(held_reason="late", held_since=now, due_at=None)
        first, _second, third = specs_of(walked)
        publish(walked, [first, third], now=now + 5 * DAY, actor=SYSTEM)

        waiting = SequenceStepExecution.objects.open().values_list("step_key", "held_reason", "due_at")
        assert set(waiting) == {("step-3", "late", None)}

    def test_the_failures_of_a_removed_step_are_not_counted_against_the_next(self, walked, now):
        SequenceStepExecution.objects.open().update(failures=1, last_error="refused")
        first, _second, third = specs_of(walked)
        publish(walked, [first, third], now=now, actor=SYSTEM)

        assert set(SequenceStepExecution.objects.open().values_list("failures", "last_error")) == {(0, "")}

    def test_a_step_in_flight_is_not_touched_and_said_to_be(self, walked, now):
        flying = SequenceStepExecution.objects.open().first()
        leased = {"status": "PENDING", "fence": 1, "claimed_by": "w", "lease_until": now + 400 * DAY}
        SequenceStepExecution.objects.filter(pk=flying.pk).update(**leased)
        first, _second, third = specs_of(walked)

        assert "1 person is being contacted right now; then they go on in the new steps." in told(
            walked, [first, third]
        )
        publish(walked, [first, third], now=now, actor=SYSTEM)
        flying.refresh_from_db()
        assert (flying.status, flying.step_key, flying.step.version) == ("PENDING", "step-2", 1)
        assert flying.enrollment.version == 2

    @pytest.mark.parametrize("is_kept", [True, False])
    def test_what_comes_back_from_flight_follows_the_new_version(self, walked, now, is_kept):
        flying = SequenceStepExecution.objects.open().first()
        leased = {"status": "PENDING", "fence": 1, "claimed_by": "w", "lease_until": now}
        SequenceStepExecution.objects.filter(pk=flying.pk).update(**leased)
        first, second, third = specs_of(walked)
        publish(walked, [first, replace(second, delay_value=5) if is_kept else third], now=now, actor=SYSTEM)
        again = now + timedelta(hours=1)
        back = {"status": "SCHEDULED", "claimed_by": "", "lease_until": None, "failures": 1}
        SequenceStepExecution.objects.filter(pk=flying.pk).update(**back, scheduled_at=again, due_at=again)

        assert repoint([flying.pk], now) == 1
        flying.refresh_from_db()
        told = (flying.step_key, flying.step.version, flying.failures, flying.due_at)
        assert told == (("step-2", 2, 1, again) if is_kept else ("step-3", 2, 0, now + DAY))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert repoint([flying.pk], now) == 0
        assert len(queries) == 1

    def test_what_comes_back_to_a_version_with_nothing_left_completes(self, walked, now):
        flying = SequenceStepExecution.objects.open().first()
        walked.enrollments.update(version=2)
        walked.steps.model.objects.create(
            sequence=walked, version=2, key="step-1", step_order=1, channel="EMAIL", delay_value=0
        )
        SequenceStepExecution.objects.open().exclude(pk=flying.pk).delete()
        walked.enrollments.exclude(pk=flying.enrollment_id).delete()

        assert repoint([flying.pk], now) == 1
        flying.refresh_from_db()
        assert (flying.status, flying.reason) == ("SKIPPED", "step_removed")
        assert flying.enrollment.status == "COMPLETED"


@pytest.mark.django_db
def test_a_try_that_failed_while_others_published_follows_the_new_version(now, monkeypatch, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True)
    monkeypatch.setattr(StubProvider, "answer", staticmethod(refuse))
    sequence = make_sequence(2)
    enroll(sequence, [make_leads(1)[0].pk], now=now, source="manual", actor=SYSTEM)
    record_answers = rounds.record_answers

    def published_meanwhile(*args):
        publish(sequence, specs_of(sequence)[1:], now=now, actor=SYSTEM)
        return record_answers(*args)

    monkeypatch.setattr(rounds, "record_answers", published_meanwhile)
    processor.run(now)
    (execution,) = SequenceStepExecution.objects.open()
    assert (execution.status, execution.step_key, execution.step.version) == ("SCHEDULED", "step-2", 2)


def refuse(message):
    raise NotSent("Try later.")


@pytest.mark.django_db
def test_a_thousand_people_move_in_few_statements(now):
    sequence = make_sequence(3)
    enroll(sequence, [lead.pk for lead in make_leads(1000)], now=now, source="manual", actor=SYSTEM)
    specs = specs_of(sequence)

    with CaptureQueriesContext(connection) as queries:
        assert impact_of(sequence, specs[1:], {}).people == 1000
        publish(sequence, specs[1:], now=now, actor=SYSTEM)
    assert len(queries) < 40
    assert set(sequence.executions.values_list("step_key", "step__version")) == {("step-2", 2)}
    assert set(sequence.enrollments.values_list("version", flat=True)) == {2}
