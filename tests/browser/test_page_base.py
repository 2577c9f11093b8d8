"""What every page can do by itself: search, keys, selection, themes, messages, order; on a small site of samples."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watching import Watch
from tests.builders import make_lead, make_leads
from tests.ground.pages_site import sample_site  # noqa: F401

LIST = "/samples/"


@pytest.fixture
def page(sit_down, operator) -> Page:
    return sit_down(operator).new_page()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900, 360])
def test_every_part_is_whole(sit_down, admin, width, color_scheme):
    watch = Watch(sit_down(admin, width=width, color_scheme=color_scheme).new_page())
    make_leads(30)
    for address in ("/style/", f"{LIST}?status=NEW&search=lead", "/search/?q=lovelace"):
        watch.open(address)
        watch.look_for_barriers()
    assert not watch.problems, "\n".join(watch.problems)


def test_slash_finds_arrows_choose_and_enter_opens(page):
    lead = make_lead(last_name="Okafor")
    page.goto(LIST)
    page.keyboard.press("/")
    page.keyboard.type("okaf")
    page.locator("#found .hit").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{LIST}{lead.pk}/$"))


def test_letters_move_and_select_rows_and_open_them(page):
    make_lead(last_name="A")
    second = make_lead(last_name="B")
    page.goto(LIST)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-picked]")).to_have_text("1 selected")
    expect(page.locator(f"input[value='{second.pk}']")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{LIST}{second.pk}/$"))


def test_letters_do_nothing_while_typing_or_when_turned_off(page):
    make_leads(2)
    page.goto(LIST)
    page.locator("#list-search").press_sequentially("x?j")
    assert not page.locator("dialog[open]").count()
    expect(page.locator("#list-search")).to_have_value("x?j")
    page.goto(LIST)
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn single letters off").click()
    page.wait_for_load_state()
    page.keyboard.press("?")
    assert not page.locator("dialog[open]").count()


def test_the_bar_offers_all_that_match(page):
    make_leads(30)
    page.goto(LIST)
    expect(page.locator(".bulk")).to_be_hidden()
    page.get_by_label("Select this page").check()
    expect(page.locator("[data-picked]")).to_have_text("25 selected")
    page.get_by_label("Select all 30 that match").check()
    page.get_by_role("button", name="Greet").click()
    expect(page.locator("body")).to_have_text(re.compile("30 True"))


def test_typing_filters_at_once_and_back_undoes_it(page):
    make_lead(last_name="Okafor")
    make_leads(5)
    page.goto(LIST)
    page.locator("#list-search").press_sequentially("okafor")
    expect(page.locator(".list-count")).to_have_text("1 lead")
    expect(page).to_have_url(re.compile(r"search=okafor"))
    expect(page.locator("#list-search")).to_be_focused()
    page.go_back()
    expect(page.locator(".list-count")).to_have_text("6 leads")


def test_the_theme_changes_at_once_and_stays(page):
    page.goto(LIST)
    page.locator(".person summary").first.click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(21, 25, 27)"


def test_leaving_a_changed_form_asks_first_and_saving_does_not(page):
    lead = make_lead()
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(f"{LIST}{lead.pk}/")
    page.get_by_label("First name").fill("Grace")
    page.goto(LIST)
    assert asked == ["beforeunload"]
    page.goto(f"{LIST}{lead.pk}/")
    page.get_by_label("First name").fill("Grace")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(f"{LIST}$"))
    assert asked == ["beforeunload"]
    lead.refresh_from_db()
    assert lead.first_name == "Grace"


def test_a_mistake_takes_the_focus(page):
    lead = make_lead()
    page.goto(f"{LIST}{lead.pk}/")
    page.get_by_label("Source").evaluate("field => { field.required = false; field.value = ''; }")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#problems")).to_be_focused()
    page.locator("#problems a").click()
    expect(page.get_by_label("Source")).to_be_focused()


def test_steps_are_reordered_by_keys_buttons_and_dragging(sit_down, admin):
    page = sit_down(admin).new_page()
    page.goto("/style/")
    items = page.locator("[data-reorder] > li")
    said = page.locator("[data-reorder-said]")
    items.nth(0).get_by_role("button", name="Move down").press("Alt+ArrowDown")
    expect(said).to_have_text("First e-mail is now number 2 of 3.")
    items.nth(1).get_by_role("button", name="Move up").click()
    expect(said).to_have_text("First e-mail is now number 1 of 3.")
    items.nth(0).locator("[data-grip]").drag_to(items.nth(2), target_position={"x": 10, "y": 40})
    expect(said).to_have_text("First e-mail is now number 3 of 3.")


def test_at_most_three_messages_stand_and_errors_stay(page):
    page.goto(LIST)
    page.evaluate("""() => [1, 2, 3, 4, 5].forEach((n) => document.dispatchEvent(
        new CustomEvent("toast", { detail: { text: `Number ${n}`, level: n === 2 ? "error" : "success" } })))""")
    expect(page.locator("#toasts .toast p")).to_have_text(["Number 4", "Number 5", "Number 2"])
    page.locator("#toasts [data-toast=error] [data-dismiss]").click()
    expect(page.locator("#toasts .toast")).to_have_count(2)


def test_a_dialog_holds_the_focus_and_gives_it_back(sit_down, admin):
    page = sit_down(admin).new_page()
    page.goto("/style/")
    opener = page.get_by_role("button", name="Do not contact")
    opener.click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


def test_on_a_phone_menu_and_search_open_by_thumb(sit_down, operator):
    page = sit_down(operator, width=360).new_page()
    make_lead(last_name="Okafor")
    page.goto(LIST)
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    page.get_by_role("link", name="Search", exact=True).click()
    page.keyboard.type("okafor")
    expect(page.locator("#found .hit")).to_have_count(1)


def test_without_scripts_lists_filter_select_and_send(sit_down, operator):
    page = sit_down(operator, java_script_enabled=False).new_page()
    make_leads(3)
    make_lead(last_name="Okafor")
    page.goto(LIST)
    page.locator("#list-search").fill("okafor")
    page.locator("#list-search").press("Enter")
    expect(page.locator(".list-count")).to_have_text("1 lead")
    page.locator("tbody input[name=ids]").check()
    page.get_by_role("button", name="Greet").click()
    expect(page.locator("body")).to_have_text(re.compile("1 False"))
