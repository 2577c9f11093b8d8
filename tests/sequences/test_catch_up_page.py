"""The catch-up desk, as staff use it."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from retention_center import health, jobs
from retention_center.lib import clock
from retention_center.models import Heartbeat, Job
from sequences.models import SequenceStepExecution
from tests.builders import make_enrollment, make_execution, make_lead, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
STEPS = SequenceStepExecution.objects
URL = "/catch-up/"
LATE = {"held_reason": "late", "due_at": None}


def hold(sequence, count: int = 1, **fields) -> list[SequenceStepExecution]:
    at = clock.now() - timedelta(days=3)
    held = LATE | {"scheduled_at": at, "held_since": at + timedelta(days=2)} | fields
    return [make_execution(make_enrollment(sequence, make_lead()), **held) for _ in range(count)]


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_with_nothing_waiting_the_desk_says_what_it_is_for(as_viewer):
    page = text_of(as_viewer.get(URL))

    assert "Nothing waits for you" in page
    assert "It is never sent late by itself." in page


def test_each_row_says_what_waits_and_why_some_of_it_is_no_longer_right(as_operator):
    sequence = make_sequence(1, name="Win back")
    rows = hold(sequence, 3)
    type(rows[0].lead).objects.filter(pk=rows[0].lead_id).update(email=None)

    page = text_of(as_operator.get(URL))

    assert "3 contacts wait for your decision" in page
    assert "1 Nothing to send to: no address for this channel" in page
    assert "Release 3" in page


def test_the_button_says_the_whole_decision_that_stands_in_the_address(as_operator):
    one, two, three = (make_sequence(1) for _ in range(3))
    hold(one, 3)
    hold(two, 2)
    hold(three, 1)

    answer = as_operator.get(URL, {f"{two.pk}.late": "skip", f"{three.pk}.late": "next_window", "hours": "8"})

    assert "Release 3, move 1, skip 2" in text_of(answer)
    assert f'value="{two.pk}.late:skip"' in answer.content.decode()
    assert 'name="hours" value="8"' in answer.content.decode()


def test_what_is_left_is_not_part_of_the_decision(as_operator):
    sequence = make_sequence(1)
    hold(sequence, 2)

    answer = as_operator.get(URL, {f"{sequence.pk}.late": "leave"})

    assert "Nothing chosen" in text_of(answer)
    assert 'name="decide"' not in answer.content.decode()


def test_a_decision_is_carried_out_at_once(as_operator):
    one, two = make_sequence(2), make_sequence(2)
    hold(one, 2)
    hold(two, 1)

    decide = [f"{one.pk}.late:spread", f"{two.pk}.late:skip"]
    answer = as_operator.post(URL, {"decide": decide, "hours": "4"}, follow=True)

    assert "Released: 2, skipped: 1." in text_of(answer)
    assert "Nothing waits for you" in text_of(answer)
    assert STEPS.filter(sequence=one, held_reason="").exclude(due_at=None).count() == 2
    assert STEPS.get(sequence=two, status="SKIPPED").reason == "skipped_by_staff"


def test_more_than_a_hundred_are_confirmed_first(as_operator, monkeypatch):
    monkeypatch.setattr("sequences.views.catch_up.CONFIRMED_ABOVE", 2)
    sequence = make_sequence(1)
    hold(sequence, 3)
    body = {"decide": [f"{sequence.pk}.late:skip"], "hours": "4"}

    asked = as_operator.post(URL, body)
    assert "Skip 3?" in text_of(asked)
    assert STEPS.waiting_for_staff().count() == 3

    as_operator.post(URL, body | {"confirmed": "1"})
    assert STEPS.waiting_for_staff().count() == 0


def test_many_become_a_job_whose_progress_the_desk_tells(as_operator, monkeypatch):
    monkeypatch.setattr("sequences.catching_up.AT_ONCE", 2)
    sequence = make_sequence(1)
    hold(sequence, 3)

    answer = as_operator.post(URL, {"decide": [f"{sequence.pk}.late:spread"], "hours": "4"}, follow=True)
    assert "3 contacts are being worked through" in text_of(answer)
    jobs.work_on(Job.objects.get().pk)

    assert "Released: 3 of 3 steps done" in text_of(as_operator.get(URL))


def test_deciding_what_somebody_else_decided_already_says_so(as_operator):
    sequence = make_sequence(1)
    body = {"decide": [f"{sequence.pk}.late:spread"], "hours": "4"}

    assert "Nothing of it waited any more." in text_of(as_operator.post(URL, body, follow=True))


@pytest.mark.parametrize("decide", ["", "x", "a.late:soon", ".late:skip", "a:skip"])
def test_a_decision_that_cannot_be_read_changes_nothing(as_operator, decide):
    hold(make_sequence(1))

    assert as_operator.post(URL, {"decide": [decide]}).status_code == 400
    assert STEPS.waiting_for_staff().count() == 1


def test_viewers_look_and_do_not_decide(as_viewer):
    sequence = make_sequence(1)
    hold(sequence)

    page = as_viewer.get(URL)
    assert 'name="decide"' not in page.content.decode()
    assert as_viewer.post(URL, {"decide": [f"{sequence.pk}.late:skip"]}).status_code == 403


def test_the_gap_in_which_the_processor_stood_still_is_shown(as_viewer):
    now = clock.now().replace(second=0, microsecond=0)
    for ago in (600, 599, 598, 228, 227, 1, 0):  # minutes
        at = now - timedelta(minutes=ago)
        Heartbeat.objects.create(name=health.PROCESSOR, minute=at, at=at, rounds=1, sent=3, seconds=1, last={})

    assert "Down 6 h 10 min" in text_of(as_viewer.get(URL))
    assert [back - stopped for stopped, back in health.silences(now - timedelta(hours=20), now)] == [
        timedelta(minutes=370),
        timedelta(minutes=226),
    ]


def test_what_is_held_for_other_causes_is_told_but_not_offered(as_operator):
    hold(make_sequence(1), 2, held_reason="no_provider", due_at=clock.now() + timedelta(minutes=5))

    page = text_of(as_operator.get(URL))

    assert "Held, but not for you" in page
    assert "No active provider for this channel" in page
    assert "Nothing waits for you" in page


def test_the_desk_stands_in_the_sidebar(as_viewer):
    page = as_viewer.get(URL).content.decode()
    assert re.search(r'href="/catch-up/"[^>]*aria-current="page"', page)


@pytest.mark.parametrize(
    ("how", "said"), [("spread", "is released"), ("next_window", "is released"), ("skip", "is skipped")]
)
def test_one_step_is_decided_on_the_page_of_its_enrollment(as_operator, how, said):
    (row,) = hold(make_sequence(2))
    assert "Release it" in text_of(as_operator.get(row.enrollment.get_absolute_url()))

    answer = as_operator.post(reverse("held-step", args=[row.pk]), {"how": how}, follow=True)

    assert f"The step {said}" in text_of(answer)
    assert "Release it" not in text_of(answer)
    again = as_operator.post(reverse("held-step", args=[row.pk]), {"how": how}, follow=True)
    assert "The step did not wait any more." in text_of(again)


def test_one_step_is_not_decided_by_nonsense(as_operator, as_viewer):
    (row,) = hold(make_sequence(1))
    assert as_operator.post(reverse("held-step", args=[row.pk]), {"how": "soon"}).status_code == 400
    assert as_operator.post(reverse("held-step", args=["nobody"]), {"how": "skip"}).status_code == 404
    assert as_viewer.post(reverse("held-step", args=[row.pk]), {"how": "skip"}).status_code == 403


def test_the_cost_of_the_page_does_not_grow_with_what_waits(as_operator, django_assert_max_num_queries):
    sequence = make_sequence(1)
    hold(sequence, 30)
    as_operator.get(URL)

    with django_assert_max_num_queries(26):
        as_operator.get(URL)
