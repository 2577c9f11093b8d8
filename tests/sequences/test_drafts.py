"""Drafts of steps over the API: kept, published, discarded; versions listed and rolled back to."""

import pytest

from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent
from sequences import drafting
from sequences.enrolling import enroll
from sequences.specs import StepSpec, spec_of
from tests.builders import make_leads, make_script, make_sequence
from tests.sequences.test_api import errors_of, step

pytestmark = pytest.mark.django_db


def address(sequence, what):
    return f"/api/sequences/{sequence.pk}/{what}"


@pytest.fixture
def busy(now):
    """Three named steps; four people wait at the first."""
    sequence = make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])
    enroll(sequence, [lead.pk for lead in make_leads(4)], now=now, source="manual", actor=SYSTEM)
    return sequence


def wire_steps(sequence):
    names = ("key", "channel", "scriptId", "delayValue", "delayUnit")
    live = [spec_of(one) for one in sequence.live_steps()]
    return [
        dict(zip(names, (one.key, one.channel, one.script_id, one.delay_value, one.delay_unit), strict=True))
        for one in live
    ]


def test_without_a_draft_the_live_steps_are_shown(api, busy):
    said = api("viewer").get(address(busy, "draft")).json()

    assert (said["version"], said["draftedAt"], [one["key"] for one in said["steps"]]) == (
        1,
        None,
        ["step-1", "step-2", "step-3"],
    )
    assert (said["impact"]["people"], said["impact"]["keep"]) == (4, 4)


def test_a_draft_is_kept_with_its_impact_and_nobody_notices(api, busy):
    answer = api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy)[1:], "version": 1})

    assert answer.status_code == 200, answer.content
    impact = answer.json()["impact"]
    assert impact["changes"] == [
        {
            "count": 4,
            "fromKey": "step-1",
            "toKey": "step-2",
            "said": "4 people wait at “First”, which is removed; they get step 1 “Second” next.",
        }
    ]
    assert impact["pinned"] == "4 finish as they began. Only new people get version 2."
    seen = api("viewer").get(address(busy, "draft")).json()
    assert seen == answer.json()
    assert seen["draftedBy"].startswith("key ")
    busy.refresh_from_db()
    assert busy.version == 1
    assert set(busy.executions.values_list("step_key", flat=True)) == {"step-1"}
    assert AuditEvent.objects.filter(object_id=busy.pk, action="draft steps").count() == 1


def test_a_draft_is_checked_as_published_steps_are(api, busy):
    wrong = api("operator").put(address(busy, "draft"), {"steps": [step(make_script("SMS"))]})
    assert wrong.status_code == 400
    assert "is for SMS" in errors_of(wrong)["steps.0.scriptId"]
    assert api("operator").put(address(busy, "draft"), {"steps": []}).status_code == 409  # it is active
    assert api("operator").put(address(busy, "draft"), {"steps": "none"}).status_code == 400
    assert api("viewer").put(address(busy, "draft"), {"steps": []}).status_code == 403
    assert api("operator").get(address(busy, "draft")).json()["draftedAt"] is None


def test_a_draft_of_a_version_that_is_live_no_more_is_refused(api, busy):
    api("operator").put(address(busy, "steps"), {"steps": wire_steps(busy)[:2]})
    answer = api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy), "version": 1})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:retention-center:problem:moved_on")
    assert "Version 2" in answer.json()["detail"]


@pytest.mark.parametrize(("mode", "version", "keys"), [("move", 2, {"step-2"}), ("pin", 1, {"step-1"})])
def test_publishing_moves_people_or_leaves_them_where_they_are(api, busy, mode, version, keys):
    api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy)[1:]})
    answer = api("operator").post(address(busy, "publish"), {"mode": mode})

    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["version"], said["isLive"], said["mode"], said["rolledBackTo"]) == (2, True, mode, None)
    assert said["people"] == (4 if mode == "move" else 0)
    assert set(busy.enrollments.values_list("version", flat=True)) == {version}
    assert set(busy.executions.open().values_list("step_key", flat=True)) == keys
    assert api("viewer").get(address(busy, "draft")).json()["draftedAt"] is None


def test_there_may_be_nothing_to_publish(api, busy):
    nothing = api("operator").post(address(busy, "publish"), {"mode": "move"})
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:retention-center:problem:nothing_to_publish")
    for version, word in ((1, "is live"), (7, "has no version 7"), (10**20, "has no version")):
        answer = api("operator").post(address(busy, "publish"), {"mode": "move", "version": version})
        assert answer.status_code == 409
        assert word in answer.json()["detail"]
    assert api("operator").post(address(busy, "publish"), {"mode": "leave"}).status_code == 400
    assert api("viewer").post(address(busy, "publish"), {"mode": "move"}).status_code == 403


def test_a_draft_that_was_overtaken_is_kept_until_somebody_looks_at_it_again(api, busy):
    api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy)[1:]})
    api("operator").put(address(busy, "steps"), {"steps": wire_steps(busy)[:2]})
    answer = api("operator").post(address(busy, "publish"), {"mode": "move"})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:retention-center:problem:moved_on")
    draft = api("viewer").get(address(busy, "draft")).json()
    assert (draft["version"], [one["key"] for one in draft["steps"]]) == (1, ["step-2", "step-3"])
    api("operator").put(address(busy, "draft"), {"steps": draft["steps"], "version": 2})
    assert api("operator").post(address(busy, "publish"), {}).json()["version"] == 3


def test_a_draft_is_discarded(api, busy):
    api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy)[1:]})

    assert api("operator").delete(address(busy, "draft")).status_code == 204
    assert api("viewer").get(address(busy, "draft")).json()["draftedAt"] is None
    assert AuditEvent.objects.get(object_id=busy.pk, action="discard draft").before["steps"][0]["key"] == "step-2"


def test_an_older_version_is_published_again_under_a_new_number(api, busy):
    first = wire_steps(busy)
    api("operator").put(address(busy, "steps"), {"steps": first[1:]})
    answer = api("operator").post(address(busy, "publish"), {"mode": "move", "version": 1})

    said = answer.json()
    assert (said["version"], said["rolledBackTo"]) == (3, 1)
    assert [one["key"] for one in said["steps"]] == ["step-1", "step-2", "step-3"]
    assert list(busy.steps.order_by("version").values_list("version", flat=True)) == [1, 1, 1, 2, 2, 3, 3, 3]
    assert set(busy.executions.open().values_list("step_key", flat=True)) == {"step-1"}  # nobody had done it


def test_versions_are_listed_newest_first_with_who_follows_them(api, busy):
    api("operator").put(address(busy, "draft"), {"steps": wire_steps(busy)[1:]})
    api("operator").post(address(busy, "publish"), {"mode": "pin"})
    said = api("viewer").get(address(busy, "versions")).json()

    assert said["total"] == 2
    assert [(one["version"], one["mode"], one["isLive"], one["people"]) for one in said["data"]] == [
        (2, "pin", True, 0),
        (1, "move", False, 4),
    ]
    assert said["data"][0]["publishedBy"].startswith("key ")
    assert said["data"][0]["changes"] == ["“First” is removed."]
    page = api("viewer").get(address(busy, "versions"), {"pageSize": 1})
    assert [one["version"] for one in page.json()["data"]] == [2]


def test_a_draft_somebody_else_saved_is_not_overwritten_unseen(busy, now):
    specs = [spec_of(one) for one in busy.live_steps()]
    drafting.keep(busy, specs[1:], now=now, actor=SYSTEM)

    with pytest.raises(drafting.DraftedMeanwhile, match="Retention Center saved a draft meanwhile"):
        drafting.keep(busy, specs[:1], seen=None, now=now, actor=SYSTEM)
    with pytest.raises(drafting.DraftedMeanwhile):
        drafting.publish_these(busy, specs[:1], mode="move", seen=1, seen_draft=None, now=now, actor=SYSTEM)
    with pytest.raises(drafting.DraftedMeanwhile):
        drafting.discard(busy, seen=None, actor=SYSTEM)
    drafting.keep(busy, specs[:1], seen=now, now=now, actor=SYSTEM)
    assert [spec.key for spec in drafting.kept(busy).specs] == ["step-1"]


def test_a_new_step_of_a_draft_gets_its_key_when_it_is_kept(busy, now):
    new = StepSpec("EMAIL", make_script().pk, 1, "DAYS")
    draft = drafting.keep(busy, [*(spec_of(one) for one in busy.live_steps()), new], now=now, actor=SYSTEM)
    key = draft.specs[-1].key

    assert key
    drafting.publish(busy, now=now, actor=SYSTEM)
    assert busy.live_steps().last().key == key
