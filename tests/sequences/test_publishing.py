"""New versions of the steps while people are in them: nobody repeats a step, nobody vanishes."""

from datetime import timedelta

import pytest

from campaigns.delivery import rounds
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from retention_center.models import AuditEvent
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.publishing import CannotActivate, activate, change_status, checklist, publish
from sequences.specs import InvalidSteps, StepSpec
from tests.builders import make_integration, make_leads, make_script, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
DAY = timedelta(days=1)


def spec(step: SequenceStep, **changes) -> StepSpec:
    """The step as it is, but for ``changes``."""
    same = {
        "channel": step.channel,
        "script_id": step.script_id,
        "delay_value": step.delay_value,
        "delay_unit": step.delay_unit,
        "key": step.key,
    }
    return StepSpec(**same | changes)


def new(channel: str = "EMAIL", **fields) -> StepSpec:
    script = make_script(channel)
    return StepSpec(**{"channel": channel, "script_id": script.pk, "delay_value": 1, "delay_unit": "DAYS"} | fields)


@pytest.fixture
def walked(now):
    """Three steps; two leads have done the first and wait for the second."""
    make_integration("sandbox")
    sequence = make_sequence(3)
    enroll(sequence, [lead.pk for lead in make_leads(2)], now=now, source="manual", actor=SYSTEM)
    processor.run(now)
    return sequence


def walk_to_the_end(now) -> None:
    for day in range(1, 10):
        processor.run(now + day * DAY)


def keys_sent() -> list[list[str]]:
    """Of each lead, the keys in the order in which they were sent."""
    return [
        list(enrollment.executions.filter(status="SENT").order_by("executed_at").values_list("step_key", flat=True))
        for enrollment in SequenceEnrollment.objects.all()
    ]


def test_publishing_makes_the_next_version_and_keeps_the_old(now):
    sequence = make_sequence(0, status="DRAFT")

    assert publish(sequence, [new()], now=now, actor=SYSTEM) == 1
    assert publish(sequence, [new(), new("SMS")], now=now, actor=SYSTEM) == 2
    assert (sequence.version, sequence.channels) == (2, ["EMAIL", "SMS"])
    assert list(sequence.steps.values_list("version", "step_order")) == [(1, 1), (2, 1), (2, 2)]
    assert AuditEvent.objects.filter(action="publish steps").count() == 2


def test_a_step_without_a_key_keeps_the_one_at_its_place_if_the_channel_is_the_same(now):
    sequence = make_sequence([{}, {"channel": "SMS"}])
    publish(sequence, [new("EMAIL"), new("CALL")], now=now, actor=SYSTEM)

    first, second = sequence.live_steps()
    assert first.key == "step-1"
    assert second.key != "step-2"


def test_people_at_a_removed_step_get_the_next_one(walked, now):
    first, _second, third = walked.live_steps()
    publish(walked, [spec(first), spec(third)], now=now, actor=SYSTEM)

    assert set(SequenceStepExecution.objects.open().values_list("step_key", flat=True)) == {third.key}
    walk_to_the_end(now)
    assert keys_sent() == [["step-1", "step-3"]] * 2


def test_people_keep_their_place_when_steps_change_order(walked, now):
    first, second, third = walked.live_steps()
    publish(walked, [spec(third), spec(first), spec(second)], now=now, actor=SYSTEM)
    walk_to_the_end(now)

    assert keys_sent() == [["step-1", "step-2"]] * 2  # the third now stands before what they have done
    assert set(walked.enrollments.values_list("status", flat=True)) == {"COMPLETED"}


def test_a_step_added_at_the_end_reaches_those_who_are_still_in(walked, now):
    steps = [spec(step) for step in walked.live_steps()]
    publish(walked, [*steps, new(key="step-4")], now=now, actor=SYSTEM)
    walk_to_the_end(now)

    assert keys_sent() == [["step-1", "step-2", "step-3", "step-4"]] * 2


def test_when_no_step_is_left_for_them_people_complete(walked, now):
    first, *_others = walked.live_steps()
    publish(walked, [spec(first)], now=now, actor=SYSTEM)

    assert set(walked.enrollments.values_list("status", "reason")) == {("COMPLETED", "step_removed")}
    assert not SequenceStepExecution.objects.open().exists()


def test_a_changed_delay_counts_from_the_step_before(walked, now):
    first, second, third = walked.live_steps()
    publish(walked, [spec(first), spec(second, delay_value=3), spec(third)], now=now, actor=SYSTEM)

    assert set(SequenceStepExecution.objects.open().values_list("scheduled_at", flat=True)) == {now + 3 * DAY}


def test_a_delay_shortened_into_the_past_is_due_now_and_not_late(walked, now):
    first, second, third = walked.live_steps()
    publish(walked, [spec(first), spec(second, delay_value=30), spec(third)], now=now, actor=SYSTEM)
    later = now + 5 * DAY
    first, second, third = walked.live_steps()
    publish(walked, [spec(first), spec(second, delay_value=1), spec(third)], now=later, actor=SYSTEM)

    assert processor.run(later)["sent"] == 2


def test_what_nobody_changed_keeps_its_time(walked, now):
    before = set(SequenceStepExecution.objects.open().values_list("pk", "scheduled_at", "due_at"))
    publish(walked, [spec(step) for step in walked.live_steps()], now=now + DAY / 2, actor=SYSTEM)

    assert set(SequenceStepExecution.objects.open().values_list("pk", "scheduled_at", "due_at")) == before
    assert set(walked.enrollments.values_list("version", flat=True)) == {2}


def test_steps_in_flight_finish_and_go_on_in_the_new_version(walked, now, monkeypatch):
    steps = [spec(step) for step in walked.live_steps()]
    record_answers = rounds.record_answers

    def published_meanwhile(*args):
        if walked.version == 1:
            publish(walked, [*steps, new(key="step-4")], now=now, actor=SYSTEM)
        return record_answers(*args)

    monkeypatch.setattr(rounds, "record_answers", published_meanwhile)
    walk_to_the_end(now)
    assert keys_sent() == [["step-1", "step-2", "step-3", "step-4"]] * 2


@pytest.mark.parametrize(
    ("specs", "sentence"),
    [
        (lambda: [new("EMAIL", script_id=make_script("SMS").pk)], "is for SMS"),
        (lambda: [new(script_id="nothing")], "no such script"),
        (lambda: [new(key="a"), new(key="a")], "Another step has the key a"),
    ],
)
def test_steps_that_make_no_sense_are_refused_in_one_sentence(now, specs, sentence):
    with pytest.raises(InvalidSteps, match=sentence):
        publish(make_sequence(0, status="DRAFT"), specs(), now=now, actor=SYSTEM)


def test_activation_needs_a_step_that_is_on_and_scripts(now):
    empty = make_sequence(0, status="DRAFT")
    with pytest.raises(CannotActivate, match="add one"):
        activate(empty, takes_existing=False, now=now, actor=SYSTEM)
    speechless = make_sequence([{"script": None}], status="DRAFT")
    with pytest.raises(CannotActivate, match="Step 1 has no script"):
        activate(speechless, takes_existing=False, now=now, actor=SYSTEM)


def test_a_missing_provider_only_warns(now):
    found = checklist(make_sequence(1))
    assert not found.blocking
    assert any("No active provider for E-mail" in warning for warning in found.warnings)


def test_archiving_ends_whoever_is_still_in(walked, now):
    change_status(walked, "ARCHIVED", now=now, actor=SYSTEM)

    assert set(walked.enrollments.values_list("status", "reason")) == {("CANCELLED", "sequence_archived")}
    assert not SequenceStepExecution.objects.open().exists()


def test_a_draft_cannot_be_paused(now):
    with pytest.raises(RefusedTransition, match="cannot become PAUSED"):
        change_status(make_sequence(1, status="DRAFT"), "PAUSED", now=now, actor=SYSTEM)
