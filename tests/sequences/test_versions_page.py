"""The Versions tab, rolling back from it, and drafts in the builder."""

import pytest

from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent
from sequences import drafting
from sequences.enrolling import enroll
from sequences.publishing import publish
from sequences.specs import spec_of
from tests.builders import make_leads, make_script, make_sequence, make_user
from tests.sequences.test_builder import Page, names_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sequence(now):
    """Version 2 has lost the first step; two people are pinned to version 1, one follows version 2."""
    sequence = make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])
    *before, after = [lead.pk for lead in make_leads(3)]
    enroll(sequence, before, now=now, source="manual", actor=SYSTEM)
    publish(sequence, [spec_of(step) for step in sequence.live_steps()][1:], mode="pin", now=now, actor=SYSTEM)
    enroll(sequence, [after], now=now, source="manual", actor=SYSTEM)
    return sequence


def text_of(answer):
    return answer.content.decode()


def test_each_version_says_what_changed_and_who_follows_it(as_viewer, sequence):
    html = text_of(as_viewer.get(f"/sequences/{sequence.pk}/versions/"))

    assert "“First” is removed." in html
    assert "by Retention Center" in html
    assert f'/sequences/{sequence.pk}/enrollments/?version=1&amp;status=ACTIVE,PAUSED">2 people</a> follow it' in html
    assert "Roll back" not in html  # a viewer changes nothing
    people = text_of(as_viewer.get(f"/sequences/{sequence.pk}/enrollments/?version=1&status=ACTIVE,PAUSED"))
    assert people.count("in it now") == 1
    assert text_of(as_viewer.get(f"/sequences/{sequence.pk}/versions/?before=2")).count('class="version ') == 0


def test_rolling_back_says_first_what_it_does(as_operator, sequence):
    address = f"/sequences/{sequence.pk}/versions/1/"
    html = text_of(as_operator.get(address))

    assert "Rolling back moves 3 people" in html
    assert "1 person waits at “Second”; they get step 1 “First” before it." in html
    assert "3 finish as they began: 2 on version 1, 1 on version 2. Only new people get version 3." in html
    answer = as_operator.post(address, {"live": "2", "mode": "move"})
    assert answer.status_code == 302
    sequence.refresh_from_db()
    assert [step.key for step in sequence.live_steps()] == ["step-1", "step-2", "step-3"]
    assert sequence.versions.get(version=3).rolled_back_to == 1
    assert set(sequence.executions.open().values_list("step_key", flat=True)) == {"step-1"}
    assert "back to version 1" in text_of(as_operator.get(f"/sequences/{sequence.pk}/history/"))


def test_a_roll_back_looked_at_before_somebody_published_is_shown_again(as_operator, sequence):
    answer = as_operator.post(f"/sequences/{sequence.pk}/versions/1/", {"live": "1", "mode": "pin"})

    assert answer.status_code == 409
    assert "Version 2 was published meanwhile" in text_of(answer)
    assert sequence.versions.count() == 2


def test_a_roll_back_to_a_script_that_is_gone_is_refused_in_a_sentence(as_operator, sequence, now):
    script = sequence.steps.get(version=1, step_order=1).script
    script.archived_at = now
    script.save()
    answer = as_operator.post(f"/sequences/{sequence.pk}/versions/1/", {"live": "2"})

    assert answer.status_code == 422
    assert "Step 1: There is no such script" in text_of(answer)


@pytest.mark.parametrize("version", ["9", "0", "99999999999999999999"])
def test_a_version_that_never_was_is_not_found(as_operator, sequence, version):
    assert as_operator.get(f"/sequences/{sequence.pk}/versions/{version}/").status_code == 404


def test_a_viewer_cannot_roll_back(as_viewer, sequence):
    assert as_viewer.get(f"/sequences/{sequence.pk}/versions/1/").status_code == 200
    assert as_viewer.post(f"/sequences/{sequence.pk}/versions/1/", {"live": "2"}).status_code == 403


def test_a_draft_is_saved_and_shown_to_a_colleague(as_operator, sequence, signed_in):
    page = Page(as_operator, sequence).press("remove:s2").press("save")

    assert page.answer.status_code == 302
    html = Page(signed_in(make_user()), sequence).html
    assert names_of(html) == ["Second", "Third"]
    assert "Draft of version 3, 1 change, saved" in html
    assert "Draft of version 3, saved" in html  # under the heading, on each of its pages
    assert "removed" in html
    assert sequence.steps.filter(version=3).count() == 0


def test_a_removed_step_can_be_kept_again_from_a_saved_draft(as_operator, sequence):
    Page(as_operator, sequence).press("remove:s1").press("save")
    page = Page(as_operator, sequence).press("keep:s1").press("save")

    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    assert sequence.draft is None  # nothing differs from the live steps any more


def test_a_saved_draft_is_published_with_what_was_chosen_for_the_people(as_operator, sequence):
    Page(as_operator, sequence).press("remove:s1").press("save")
    page = Page(as_operator, sequence).press("publish", mode="pin")

    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    assert (sequence.version, sequence.draft) == (3, None)
    assert sequence.versions.get(version=3).mode == "pin"
    assert set(sequence.enrollments.values_list("version", flat=True)) == {1, 2}


def test_somebody_elses_draft_is_told_before_it_is_replaced(as_operator, sequence, now):
    page = Page(as_operator, sequence).press("off:s1")
    drafting.keep(sequence, [spec_of(sequence.live_steps()[0])], now=now, actor=SYSTEM)
    page.press("save")

    assert page.answer.status_code == 409
    assert "Retention Center saved another draft meanwhile, which yours would replace: “Third” is removed." in page.html
    assert "switched off" in page.html  # what was done here is still here
    page.press("save")
    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    assert [step["is_active"] for step in sequence.draft["steps"]] == [False, True]


def test_a_draft_that_was_overtaken_says_so(as_operator, sequence, now):
    Page(as_operator, sequence).press("off:s1").press("save")
    publish(sequence, [spec_of(sequence.live_steps()[0])], now=now, actor=SYSTEM)
    page = Page(as_operator, sequence)

    assert "Version 3 was published after" in page.html
    assert names_of(page.html) == ["Second", "Third"]
    page.press("publish")
    sequence.refresh_from_db()
    assert [step.is_active for step in sequence.live_steps()] == [False, True]


def test_a_draft_is_discarded_after_a_question(as_operator, sequence):
    Page(as_operator, sequence).press("off:s1").press("save")
    page = Page(as_operator, sequence).press("discard")

    assert "Discard the draft that Operator" in page.html
    sequence.refresh_from_db()
    assert sequence.draft is not None
    page.press("discard-now")
    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    assert sequence.draft is None
    assert AuditEvent.objects.filter(object_id=sequence.pk, action="discard draft").count() == 1
    assert "discarded the draft of version 3" in text_of(as_operator.get(f"/sequences/{sequence.pk}/history/"))


def test_a_draft_with_mistakes_is_not_saved_and_nothing_is_lost(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s1").press("save", s1_delay="soon")

    assert page.answer.status_code == 422
    assert "Not saved: correct what is marked below." in page.html
    assert 'value="soon"' in page.html


def test_an_enrollment_says_that_it_follows_an_older_version(as_viewer, sequence):
    pinned, current = sequence.enrollments.filter(version=1).first(), sequence.enrollments.get(version=2)

    html = text_of(as_viewer.get(pinned.get_absolute_url()))
    assert f'Follows <a class="door" href="/sequences/{sequence.pk}/versions/1/">version 1</a>' in html
    assert "Follows" not in text_of(as_viewer.get(current.get_absolute_url()))
