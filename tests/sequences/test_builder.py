"""The builder without JavaScript: every button posts the whole form and gets it back changed."""

import re

import pytest

from retention_center.models import AuditEvent
from sequences import enrolling
from sequences.models import SequenceEnrollment, SequenceStep
from tests.builders import make_enrollment, make_execution, make_leads, make_script, make_sequence


def fields_of(html):
    """What a browser would post: hidden and typed inputs, ticked boxes, chosen options."""
    form = html[html.index('id="builder"') :].split("</form>")[0]
    posted = {}
    for tag in re.findall(r"<input[^>]*>", form):
        at = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        is_chosen = at.get("type") not in {"checkbox", "radio"} or " checked" in tag
        if "name" in at and at["name"] != "csrfmiddlewaretoken" and is_chosen:
            posted.setdefault(at["name"], []).append(at.get("value", ""))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'value="([^"]*)" selected', options)
        posted[name] = chosen[:1]
    return posted


def names_of(html):
    return re.findall(r'class="step[^"]*" id="step-\w+" data-item="([^"]+)"', html)


class Page:
    """The form as it stands, pressed button by button."""

    def __init__(self, client, sequence):
        self.client, self.address = client, f"/sequences/{sequence.pk}/steps/"
        self.answer = client.get(self.address)

    @property
    def html(self):
        return self.answer.content.decode()

    def press(self, button, **typed):
        fields = fields_of(self.html) | {name.replace("_", "-"): value for name, value in typed.items()}
        self.answer = self.client.post(self.address, fields | {"do": button})
        return self


@pytest.fixture
def sequence(db):
    return make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])


def test_the_page_shows_every_step_with_its_delay_and_seven_numbers(as_viewer, sequence):
    make_execution(make_enrollment(sequence), 1, status="SENT")
    html = as_viewer.get(f"/sequences/{sequence.pk}/").content.decode()
    for word in ("First", "Second", "Third", "1 day later", "Due", "Converted", "Skipped"):
        assert word in html
    assert f"/sequences/{sequence.pk}/executions/?step=step-1&amp;state=sent" in html
    assert 'name="do"' not in html  # a viewer has nothing to press


def test_steps_are_moved_removed_kept_and_published(as_operator, sequence):
    page = Page(as_operator, sequence).press("up:s3").press("remove:s1")
    assert names_of(page.html) == ["First", "Third", "Second"]
    assert "removed" in page.html
    page.press("keep:s1").press("remove:s2").press("publish")
    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    assert [step.key for step in sequence.live_steps()] == ["step-1", "step-3"]
    assert AuditEvent.objects.filter(object_id=sequence.pk, action="publish steps").count() == 1


def test_a_step_is_added_between_two_with_its_script_and_rule(as_operator, sequence):
    sms = make_script("SMS", name="Short one")
    page = Page(as_operator, sequence).press("add:s2")
    assert names_of(page.html) == ["First", "No script yet", "Second", "Third"]
    assert 'name="n1-delay"' in page.html  # the new step stands open
    page.press("refresh", n1_script=f"SMS:{sms.pk}", n1_delay="2", n1_unit="HOURS", n1_rule="stop")
    assert names_of(page.html)[1] == "Short one"
    page.press("publish")
    sequence.refresh_from_db()
    added = sequence.live_steps()[1]
    assert (added.channel, added.script, added.delay_value, added.delay_unit, added.on_failure) == (
        "SMS", sms, 2, "HOURS", "stop",
    )  # fmt: skip
    assert sequence.channels == ["EMAIL", "SMS"]


def test_a_step_is_duplicated_and_switched_off_without_being_deleted(as_operator, sequence):
    page = Page(as_operator, sequence).press("copy:s1").press("off:s2").press("publish")
    assert page.answer.status_code == 302
    sequence.refresh_from_db()
    steps = list(sequence.live_steps())
    assert [str(step.script) for step in steps] == ["First", "First", "Second", "Third"]
    assert [step.is_active for step in steps] == [True, True, False, True]
    assert len({step.key for step in steps}) == 4


def test_who_is_affected_is_said_before_anything_is_published(as_operator, operator, now, sequence):
    leads = make_leads(5)
    enrolling.enroll(sequence, [lead.pk for lead in leads], now=now, source="manual", actor=actor_of(operator))
    SequenceEnrollment.objects.get(lead=leads[0])
    page = Page(as_operator, sequence).press("remove:s1")
    assert "5 people wait at “First”, which is removed; they get step 1 “Second” next." in page.html
    assert "Publishing moves 5 people" in page.html
    page.press("publish")
    assert page.answer.status_code == 302
    assert set(sequence.executions.scheduled().values_list("step_key", flat=True)) == {"step-2"}


def test_what_was_not_looked_at_is_not_published(as_operator, operator, now, sequence):
    enrolling.enroll(sequence, [make_leads(1)[0].pk], now=now, source="manual", actor=actor_of(operator))
    page = Page(as_operator, sequence).press("show:s1")
    page.press("publish", s1_delay="9")
    assert page.answer.status_code == 200
    assert "Look at who is affected" in page.html
    assert "1 person waits at step 1: its new delay counts from when the wait began." in page.html
    sequence.refresh_from_db()
    assert sequence.version == 1
    page.press("publish")
    sequence.refresh_from_db()
    assert sequence.version == 2


def test_people_with_nothing_left_are_said_to_complete(as_operator, operator, now):
    sequence = make_sequence([{"script": make_script(name="Only")}], status="PAUSED")
    enrolling.enroll(sequence, [make_leads(1)[0].pk], now=now, source="manual", actor=actor_of(operator))
    page = Page(as_operator, sequence).press("off:s1")
    assert "1 person waits at “Only”, which is switched off; nothing comes after it, so they complete." in page.html


def test_a_delay_that_is_no_number_is_said_and_what_was_typed_stays(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s2")
    page.press("publish", s2_delay="soon")
    assert page.answer.status_code == 422
    assert "A delay is a whole number from 0 to 3,650." in page.html
    assert 'value="soon"' in page.html


def test_a_script_that_is_gone_is_said(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s1").press("publish", s1_script="EMAIL:nowhere")
    assert page.answer.status_code == 422
    assert "There is no such script any more" in page.html


def test_somebody_elses_version_is_not_overwritten_unseen(as_operator, operator, now, sequence):
    page = Page(as_operator, sequence).press("remove:s3")
    Page(as_operator, sequence).press("remove:s1").press("publish")
    page.press("publish")
    assert page.answer.status_code == 409
    assert "Version 2 was published meanwhile" in page.html
    page.press("publish")
    sequence.refresh_from_db()
    assert sequence.version == 3


def test_an_active_sequence_cannot_lose_its_last_step(as_operator, sequence):
    page = Page(as_operator, sequence)
    for uid in ("s1", "s2", "s3"):
        page.press(f"remove:{uid}")
    page.press("publish")
    assert page.answer.status_code == 409
    assert "needs a step that is on" in page.html


@pytest.mark.parametrize("button", ["up:", "remove:nobody", "add:nobody", "dance:s1", "", "copy:s9", "show:\x00"])
def test_a_button_nobody_knows_does_no_harm(as_operator, sequence, button):
    assert Page(as_operator, sequence).press(button).answer.status_code in {200, 400}
    assert SequenceStep.objects.filter(sequence=sequence).count() == 3


def test_a_form_full_of_nonsense_is_no_error_of_ours(as_operator, sequence):
    nonsense = {"step": ["s1", "s1", "é", "x" * 50, "a b"], "s1-key": "\x00", "s1-script": ":::", "s1-delay": "9" * 99}
    for button in ("refresh", "publish"):
        answer = as_operator.post(f"/sequences/{sequence.pk}/steps/", nonsense | {"do": button, "version": "x"})
        assert answer.status_code in {200, 400, 409, 422}


def test_a_viewer_cannot_post(as_viewer, sequence):
    assert as_viewer.post(f"/sequences/{sequence.pk}/steps/", {"do": "publish"}).status_code == 403


def test_the_preview_shows_the_chosen_step_for_the_lead_asked_for(as_operator, sequence):
    sms = make_script("SMS", content="Hi {{ firstName }}, see you.")
    sequence.live_steps().filter(step_order=2).update(script=sms, channel="SMS")
    make_leads(1, first_name="Grace", time_zone="Asia/Tokyo")
    page = Page(as_operator, sequence).press("show:s2", lead="Grace")
    assert "Hi Grace, see you." in page.html
    assert "18 characters, GSM-7, 1 segment" in page.html
    assert "in Tokyo." in page.html


def actor_of(user):
    return enrolling.Actor(str(user), "page", user)
