"""The builder in a real browser: by mouse, by keyboard, and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from sequences import enrolling
from tests.browser.watching import Watch
from tests.builders import make_leads, make_script, make_sequence


@pytest.fixture
def sequence(db):
    return make_sequence([{"script": make_script(name=name)} for name in ("First", "Second", "Third")])


def names(page: Page) -> list[str]:
    return page.locator(".step:not(.removed) .step-head strong").all_inner_texts()


def test_steps_are_reordered_by_the_keyboard_and_it_is_announced(sit_down, operator, sequence):
    page = sit_down(operator).new_page()
    page.goto(sequence.get_absolute_url())
    page.focus("#show-s1")
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[data-reorder-said]")).to_have_text("First is now number 2 of 3.")
    expect(page.locator("#show-s1")).to_be_focused()
    page.click("#publish")
    expect(page.locator(".toast")).to_contain_text("Version 2 of")
    sequence.refresh_from_db()
    assert [str(step.script) for step in sequence.live_steps()] == ["Second", "First", "Third"]


def test_a_step_is_dragged_by_its_grip(sit_down, operator, sequence):
    page = sit_down(operator).new_page()
    page.goto(sequence.get_absolute_url())
    grip, goal = page.locator("#step-s3 .grip").bounding_box(), page.locator("#step-s1 .step-card").bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(goal["x"] + 8, goal["y"] - 20, steps=8)
    page.mouse.up()
    expect(page.locator("[data-reorder-said]")).to_have_text("Third is now number 1 of 3.")
    assert names(page) == ["Third", "First", "Second"]


def test_a_step_is_inserted_edited_and_removed_on_one_page(sit_down, operator, sequence):
    make_script("SMS", name="Short one")
    page = sit_down(operator).new_page()
    page.goto(sequence.get_absolute_url())
    page.get_by_role("button", name="Add a step before step 2").click()
    script = page.get_by_label("Channel and script")
    expect(script).to_be_focused()
    script.select_option(label="Short one")
    expect(page.get_by_text("changed", exact=True)).to_have_count(0)
    expect(page.locator("#step-n1 .step-head strong")).to_have_text("Short one")
    page.get_by_label("Wait").fill("3")
    page.keyboard.press("Tab")
    expect(page.locator("#step-n1 .delay")).to_contain_text("3 days later")
    page.get_by_label("Counted in").select_option("HOURS")
    expect(page.locator("#step-n1 .delay")).to_contain_text("3 hours later")
    page.locator("#menu-s3").click()
    page.locator("#step-s3").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.click("#publish")
    expect(page.locator(".toast")).to_contain_text("Version 2 of")
    assert names(page) == ["First", "Short one", "Second"]


def test_who_is_affected_is_shown_before_publishing(sit_down, operator, sequence, now):
    leads = [lead.pk for lead in make_leads(3)]
    enrolling.enroll(sequence, leads, now=now, source="manual", actor=enrolling.Actor("test", "page"))
    page = sit_down(operator).new_page()
    page.goto(sequence.get_absolute_url())
    page.locator("#menu-s1").click()
    page.locator("#step-s1").get_by_role("button", name="Remove").click()
    expect(
        page.get_by_text("3 people wait at “First”, which is removed; they get step 1 “Second” next.")
    ).to_be_visible()
    page.click("#publish")
    expect(page.locator(".toast")).to_contain_text("3 people moved to it.")


@pytest.mark.parametrize("width", [1440, 360])
def test_everything_works_without_javascript(sit_down, operator, sequence, width):
    page = sit_down(operator, width=width, java_script_enabled=False).new_page()
    page.goto(sequence.get_absolute_url())
    page.locator("#menu-s1").click()
    page.locator("#step-s1").get_by_role("button", name="Move down").click()
    assert names(page) == ["Second", "First", "Third"]
    page.click("#add-last")
    page.get_by_label("Wait").fill("2")
    page.locator("#publish").click()
    sequence.refresh_from_db()
    assert [step.delay_value for step in sequence.live_steps()] == [1, 0, 1, 2]


def test_a_sequence_is_activated_from_its_checklist(sit_down, operator):
    make_leads(2)
    sequence = make_sequence(1, status="DRAFT", activated_at=None, trigger_type="new_lead")
    page = sit_down(operator).new_page()
    page.goto(sequence.get_absolute_url())
    page.get_by_role("link", name="Activate").click()
    page.get_by_label("Also those who match now").check()
    page.get_by_role("button", name=f"Activate {sequence}").click()
    expect(page.locator(".toast")).to_contain_text(f"{sequence} is active.")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.locator(".toast")).to_contain_text(f"{sequence} is paused.")


@pytest.mark.parametrize(("width", "color_scheme"), [(1440, "light"), (360, "dark")])
def test_conditions_are_edited_on_a_whole_page(sit_down, operator, sequence, width, color_scheme):
    watch = Watch(sit_down(operator, width=width, color_scheme=color_scheme).new_page())
    watch.open(f"{sequence.get_absolute_url()}?step=step-2")
    watch.page.get_by_role("button", name="Add a condition").click()
    watch.page.get_by_label("Condition 1 of step 2: of what").select_option("step:step-1")
    expect(watch.page.locator("#step-s2 .step-end")).to_contain_text("If step 1 was sent")
    watch.look_for_barriers()
    assert not watch.problems, "\n".join(watch.problems)
