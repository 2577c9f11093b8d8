"""/held and /held/release, as integrations see them."""

from datetime import timedelta

import pytest

from retention_center.lib import clock
from retention_center.models import Job
from sequences.models import SequenceStepExecution
from tests.builders import make_enrollment, make_execution, make_lead, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
STEPS = SequenceStepExecution.objects
LATE = {"held_reason": "late", "due_at": None}


def hold(sequence, count: int = 1, **fields) -> list[SequenceStepExecution]:
    at = clock.now() - timedelta(days=3)
    held = LATE | {"scheduled_at": at, "held_since": at + timedelta(days=2)} | fields
    return [make_execution(make_enrollment(sequence, make_lead()), **held) for _ in range(count)]


def test_what_waits_is_told_by_sequence_and_reason(api):
    sequence = make_sequence(1, name="Win back")
    rows = hold(sequence, 3)
    hold(sequence, 1, held_reason="bad_template")
    hold(sequence, 1, held_reason="no_provider", due_at=clock.now() + timedelta(minutes=5))

    answer = api("viewer").get("/api/held")

    assert answer.status_code == 200
    body = answer.json()
    first, second = body["data"]
    assert body["total"] == 4
    assert (first["sequenceId"], first["sequenceName"], first["reason"], first["count"]) == (
        sequence.pk, "Win back", "late", 3,
    )  # fmt: skip
    assert (first["byChannel"], first["stillRight"], first["noLongerRight"]) == ({"EMAIL": 3}, 3, [])
    assert set(first["ids"]) == {row.pk for row in rows}
    assert second["reason"] == "bad_template"
    assert [(one["reason"], one["count"]) for one in body["elsewhere"]] == [("no_provider", 1)]


def test_why_something_is_no_longer_right_is_told(api):
    sequence = make_sequence(1)
    (row,) = hold(sequence)
    row.lead.email = None
    row.lead.save()

    (group,) = api("viewer").get("/api/held").json()["data"]

    assert group["stillRight"] == 0
    assert [(one["reason"], one["count"]) for one in group["noLongerRight"]] == [("no_address", 1)]


def test_ids_are_released_over_the_hours(api):
    rows = hold(make_sequence(1), 3)
    before = clock.now()

    answer = api("operator").post(
        "/api/held/release", {"ids": [row.pk for row in rows[:2]], "how": "spread", "hours": 2}
    )

    assert answer.status_code == 200, answer.json()
    assert answer.json()["changed"] == 2
    due = list(STEPS.exclude(due_at=None).order_by("due_at").values_list("due_at", flat=True))
    assert due[1] - due[0] == timedelta(hours=1)
    assert due[0] >= before
    assert STEPS.waiting_for_staff().get().pk == rows[2].pk


def test_a_filter_chooses(api):
    one, two = make_sequence(2), make_sequence(2)
    hold(one, 2)
    hold(two, 1)

    body = {"filter": {"sequenceId": one.pk, "reason": ["late"], "channel": "EMAIL"}, "how": "skip"}
    answer = api("operator").post("/api/held/release", body)

    assert answer.json()["changed"] == 2
    assert set(STEPS.filter(status="SKIPPED").values_list("sequence_id", "reason")) == {(one.pk, "skipped_by_staff")}


def test_an_empty_filter_is_everything_and_next_window_moves_it(api):
    hold(make_sequence(1), 2)

    answer = api("operator").post("/api/held/release", {"filter": {}, "how": "next_window"})

    assert answer.json()["changed"] == 2
    assert answer.json()["leftOut"] == {}
    assert all(8 <= at.hour < 21 for at in STEPS.values_list("due_at", flat=True))


def test_the_same_decision_again_changes_nothing(api):
    (row,) = hold(make_sequence(1))
    body = {"ids": [row.pk], "how": "spread"}
    api("operator").post("/api/held/release", body)

    assert api("operator").post("/api/held/release", body).json()["changed"] == 0


def test_many_are_a_job(api, monkeypatch):
    monkeypatch.setattr("sequences.catching_up.AT_ONCE", 2)
    hold(make_sequence(1), 3)

    answer = api("operator").post("/api/held/release", {"filter": {}, "how": "skip"})

    assert answer.status_code == 202
    assert Job.objects.get(pk=answer.json()["jobId"]).total == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"how": "spread"}, "ids"),
        ({"ids": ["a"], "filter": {}, "how": "spread"}, "ids"),
        ({"ids": [], "how": "spread"}, "ids"),
        ({"filter": {}, "how": "soon"}, "how"),
        ({"filter": {}}, "how"),
        ({"filter": {"sequence": "a"}, "how": "skip"}, "filter.sequence"),
        ({"filter": {"reason": 5}, "how": "skip"}, "filter.reason"),
        ({"filter": {"reason": []}, "how": "skip"}, "filter.reason"),
        ({"filter": {}, "how": "spread", "hours": -1}, "hours"),
        ({"filter": {}, "how": "spread", "hours": 1e9}, "hours"),
        ({"filter": {}, "how": "spread", "hours": "nan"}, "hours"),
    ],
)
def test_a_malformed_decision_changes_nothing(api, body, field):
    hold(make_sequence(1))

    answer = api("operator").post("/api/held/release", body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert STEPS.waiting_for_staff().count() == 1


def test_viewers_see_but_do_not_decide(api):
    hold(make_sequence(1))

    assert api("viewer").post("/api/held/release", {"filter": {}, "how": "skip"}).status_code == 403
    assert api("").get("/api/held").status_code == 401
