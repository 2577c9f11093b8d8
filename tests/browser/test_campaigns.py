"""Campaigns, scripts and attempts as staff use them, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from campaigns import sending
from tests.browser.watching import Watch
from tests.builders import make_attempt, make_campaign, make_campaign_lead, make_lead, make_script


@pytest.fixture
def page(sit_down, operator) -> Page:
    return sit_down(operator).new_page()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_every_page_is_whole(sit_down, admin, width, color_scheme):
    campaign, lead = make_campaign(name="Spring", channels=["EMAIL", "SMS"], meta={"contactDays": ["MON"]}), make_lead()
    script = make_script(campaign=campaign, content="Hi {{ firstName }}, {{ meta.city }}")
    make_campaign_lead(campaign, lead)
    attempt = make_attempt(lead, campaign=campaign, script=script, message={"subject": "Hi", "html": "<p>Hi</p>"})
    watch = Watch(sit_down(admin, width=width, color_scheme=color_scheme).new_page())
    for address in (
        "/campaigns/",
        "/campaigns/new/",
        f"/campaigns/{campaign.pk}/",
        f"/campaigns/{campaign.pk}/edit/",
        f"/campaigns/{campaign.pk}/leads/",
        f"/campaigns/{campaign.pk}/leads/add/",
        "/scripts/",
        f"/scripts/{script.pk}/",
        f"/scripts/{script.pk}/edit/",
        "/attempts/",
        f"/attempts/{attempt.pk}/",
        "/policy/",
        "/policy/edit/",
    ):
        if watch.open(address):
            watch.look_for_barriers()
    assert not watch.problems, "\n".join(watch.problems)


def test_the_preview_follows_the_typing(page):
    lead = make_lead(first_name="Zoë", last_name="Meyer")
    watch = Watch(page)
    watch.open("/scripts/new/?type=SMS")
    page.get_by_label("Text", exact=True).fill("Hi {{ firstName }}, {{ meta.city }}")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Hi Ada, [meta.city is empty]")
    expect(preview).to_contain_text("Would not be sent to this lead: meta.city is empty")
    page.get_by_label("Preview for this lead").fill("meyer")
    expect(preview).to_contain_text(f"Hi {lead.first_name}")
    page.get_by_label("Text", exact=True).fill("Hi {{ firstname }}")
    expect(preview).to_contain_text("did you mean firstName?")
    assert not watch.problems, "\n".join(watch.problems)


def test_an_html_mail_is_previewed_in_a_frame_that_runs_nothing(page):
    watch = Watch(page)
    watch.open("/scripts/new/")
    page.get_by_label("HTML").check()
    page.get_by_label("Text", exact=True).fill("<h1>Hi {{ firstName }}</h1><script>top.document.title = 'x'</script>")
    expect(page.frame_locator("#preview iframe").locator("h1")).to_have_text("Hi Ada")
    assert page.title() != "x"


def test_leads_are_ticked_and_added_then_removed(page):
    campaign, lead = make_campaign(), make_lead(last_name="Okafor")
    page.goto(f"/campaigns/{campaign.pk}/leads/add/")
    page.get_by_label("Select Ada Okafor").check()
    page.get_by_role("button", name="Add to campaign").click()
    expect(page.locator("main")).to_contain_text(lead.email)
    expect(page.locator("body")).to_contain_text("1 lead added")
    page.get_by_role("row", name="Ada Okafor").get_by_role("checkbox").check()
    page.get_by_role("button", name="Remove from campaign").click()
    expect(page.locator("main")).to_contain_text("Nobody is in this campaign yet")


def test_completing_asks_first_and_a_draft_cannot_be_paused(page):
    campaign = make_campaign(status="DRAFT")
    page.goto(f"/campaigns/{campaign.pk}/")
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()
    page.get_by_role("button", name="Activate").click()
    page.get_by_role("button", name="Complete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("cannot be started again")
    dialog.get_by_role("button", name="Complete campaign").click()
    expect(page.locator(".head-state")).to_contain_text("Completed")


def test_sending_is_stopped_and_resumed_from_any_page(page):
    page.goto("/scripts/")
    page.get_by_role("button", name="Stop sending").click()
    page.get_by_role("button", name="Stop all sending").click()
    expect(page).to_have_url("/scripts/")
    assert sending.standing().all
    page.get_by_role("button", name="Resume sending").click()
    page.locator("main").get_by_role("button", name="Resume sending").click()
    expect(page.get_by_role("button", name="Stop sending")).to_be_visible()
    assert not sending.standing()
