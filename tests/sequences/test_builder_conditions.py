"""Conditions in the builder, without JavaScript: added, chosen, removed, said in words, published."""

import re

import pytest

from sequences.condition_form import Typed
from tests.builders import make_script, make_sequence
from tests.sequences.test_builder import Page

NOT_CLICKED = {"field": "step.step-1.result", "op": "is_not", "value": "clicked"}


@pytest.fixture
def sequence(db):
    return make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])


def said(page):
    """What stands at the end of each step."""
    return re.findall(r'<span class="quiet">((?:If|Always)[^<]*)</span>', page.html)


def conditions(sequence):
    sequence.refresh_from_db()
    return [step.conditions for step in sequence.live_steps()]


def test_a_condition_is_added_chosen_and_published(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s2").press("condition:s2")
    assert said(page) == ["Always", "If status is Contacted", "Always"]
    assert "Step 1, First" in page.html
    assert "Step 2, Second" not in page.html.split('id="s2-if0"')[1].split("</select>")[0]
    page.press("refresh", s2_if0="step:step-1", s2_op0="is_not", s2_value0="CONTACTED")
    assert '<option value="sent" selected>' in page.html  # what does not fit becomes the first that does
    page.press("refresh", s2_value0="clicked")
    assert said(page)[1] == "If step 1 was not clicked"
    assert page.press("publish").answer.status_code == 302
    assert conditions(sequence) == [[], [NOT_CLICKED], []]
    assert said(Page(as_operator, sequence)) == ["Always", "If step 1 was not clicked", "Always"]


def test_several_are_kept_while_another_step_is_shown_and_one_is_dropped(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s2").press("condition:s2").press("condition:s2")
    page.press("condition:s2", s2_if1="converted", s2_value1="no", s2_op0="in", s2_value0="New, contacted")
    page.press("refresh", s2_if2="meta").press("refresh", s2_meta2="plan", s2_value2="gold")
    words = "If status is New or Contacted and not converted and meta.plan is “gold”"
    assert page.press("show:s1").press("up:s3").html.count("Edit and preview") == 3
    assert words in said(page)
    page.press("show:s2").press("drop0:s2").press("publish")
    assert [] in conditions(sequence)
    assert [
        {"field": "converted", "op": "is", "value": False},
        {"field": "meta.plan", "op": "is", "value": "gold"},
    ] in conditions(sequence)


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ({"s2_if0": "converted"}, "Condition 1: converted is true or false."),
        ({"s2_if0": "source", "s2_value0": ""}, "for none, use exists with false"),
        ({"s2_if0": "meta"}, "say which meta field"),
        ({"s2_if0": "colour"}, "its field is status, source"),
        ({"s2_op0": "in", "s2_value0": "Tired"}, "a lead&#x27;s status is NEW"),
        ({"s2_if0": "step:step-3", "s2_value0": "sent"}, "“step-3”, which does not stand before this one"),
    ],
)
def test_a_condition_that_makes_no_sense_is_not_published_and_stays_as_typed(as_operator, sequence, typed, word):
    page = Page(as_operator, sequence).press("show:s2").press("condition:s2").press("publish", **typed)
    assert page.answer.status_code == 422
    assert word in page.html
    assert 'id="s2-conditions-error"' in page.html
    sequence.refresh_from_db()
    assert sequence.version == 1


def test_a_value_of_what_was_chosen_before_is_not_taken_for_the_new_field(as_operator, sequence):
    page = Page(as_operator, sequence).press("show:s2").press("condition:s2").press("refresh", s2_if0="source")
    assert 'name="s2-value0" id="s2-value0" value=""' in page.html
    page.press("refresh", s2_value0="CRM").press("refresh", s2_if0="meta", s2_meta0="origin")
    assert said(page)[1] == "If meta.origin is “CRM”"


def test_removing_the_step_that_a_condition_speaks_of_is_told_at_the_condition(as_operator, sequence):
    sequence.live_steps().filter(step_order=2).update(conditions=[NOT_CLICKED])
    page = Page(as_operator, sequence).press("remove:s1")
    assert "If a removed step was not clicked" in said(page)
    assert page.press("publish").answer.status_code == 422
    assert "A step that is not before this one" in page.html


def test_a_condition_alone_is_a_change_and_a_copy_takes_it_along(as_operator, sequence):
    sequence.live_steps().filter(step_order=2).update(conditions=[NOT_CLICKED])
    page = Page(as_operator, sequence)
    assert "Nothing had changed" in as_operator.get(page.press("publish").answer.url).content.decode()
    page = Page(as_operator, sequence).press("copy:s2").press("publish")
    assert conditions(sequence) == [[], [NOT_CLICKED], [NOT_CLICKED], []]
    page = Page(as_operator, sequence).press("show:s2").press("drop0:s2")
    assert '<span class="tag move">changed</span>' in page.html


def test_a_viewer_sees_the_conditions_and_nothing_to_press(as_viewer, sequence):
    sequence.live_steps().filter(step_order=2).update(conditions=[NOT_CLICKED])
    html = as_viewer.get(f"/sequences/{sequence.pk}/").content.decode()
    assert "If step 1 was not clicked" in html
    assert "Add a condition" not in html


@pytest.mark.parametrize("button", ["drop9:s1", "drop:s1", "condition:nobody", "dropx:s1"])
def test_a_button_about_a_condition_that_is_not_there_does_no_harm(as_operator, sequence, button):
    assert Page(as_operator, sequence).press(button).answer.status_code == 200


def test_more_conditions_than_a_step_may_have_are_not_added(as_operator, sequence):
    sequence.live_steps().filter(step_order=2).update(conditions=[NOT_CLICKED] * 20)
    page = Page(as_operator, sequence).press("show:s2").press("condition:s2")
    assert 's2-if19"' in page.html
    assert 's2-if20"' not in page.html


@pytest.mark.parametrize(
    "kept",
    [
        {"field": "status", "op": "in", "value": ["NEW", "CONTACTED"]},
        {"field": "meta.name", "op": "in", "value": ["Smith, John", 'the "boss"', "plain"]},
        {"field": "meta.vip", "op": "is", "value": "true"},
        {"field": "meta.vip", "op": "exists", "value": False},
        {"field": "source", "op": "exists", "value": True},
        {"field": "converted", "op": "is_not", "value": True},
        {"field": "converted", "op": "in", "value": [True, False]},
        {"field": "step.a.b.result", "op": "in", "value": ["sent", "failed"]},
        NOT_CLICKED,
    ],
)
def test_what_is_kept_comes_out_of_the_form_as_it_went_in(kept):
    assert Typed.of(kept).as_condition() == kept
