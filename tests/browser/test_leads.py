"""Leads as staff use them, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from leads import consent, unsubscribe
from leads.importing import start
from leads.models import Lead
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from tests.browser.watching import Watch
from tests.builders import make_attempt, make_conversion, make_enrollment, make_execution, make_lead, make_leads

FILE = b"First name;E-mail;Phone\nAda;ada@example.com;(305) 510-2323\nBob;nobody;\nEve;eve@example.com;12\n"


@pytest.fixture
def page(sit_down, operator) -> Page:
    return sit_down(operator).new_page()


def drafted() -> str:
    importing = start.upload(FILE, "people.csv", actor=SYSTEM)
    start.check(importing)
    return importing.pk


def imported() -> str:
    importing = start.upload(FILE, "people.csv", actor=SYSTEM)
    start.run_here(importing, actor=SYSTEM)
    return importing.pk


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_every_page_is_whole(sit_down, admin, width, color_scheme):
    execution = make_execution(make_enrollment(lead=make_lead(meta={"plan": "gold"}, time_zone="Asia/Tokyo")))
    lead = execution.lead
    make_attempt(lead, result={"replied": True, "reply_text": "Yes"})
    make_conversion(lead)
    consent.do_not_contact(make_lead(), now=clock.now(), actor=SYSTEM)
    draft, done = drafted(), imported()
    watch = Watch(sit_down(admin, width=width, color_scheme=color_scheme).new_page())
    for address in (
        "/leads/",
        "/leads/new/",
        f"/leads/{lead.pk}/",
        f"/leads/{lead.pk}/edit/",
        f"/leads/{lead.pk}/checks/",
        "/leads/suppressions/",
        "/leads/suppressions/new/",
        "/leads/imports/",
        "/leads/import/",
        f"/leads/import/{draft}/columns/",
        f"/leads/import/{draft}/check/",
        f"/leads/import/{done}/result/",
        unsubscribe.url_for(lead.pk, "attempt"),
    ):
        if watch.open(address):
            watch.look_for_barriers()
    assert watch.problems == []


def test_a_file_is_imported_by_the_wizard(page):
    page.goto("/leads/import/")
    page.set_input_files("input[type=file]", {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE})
    page.get_by_role("button", name="Upload and match columns").click()
    expect(page.get_by_label("E-mail becomes")).to_have_value("email")
    page.get_by_role("button", name="Check 3 rows").click()
    expect(page.get_by_text("2 of 3 rows will be imported")).to_be_visible()
    assert not Lead.objects.exists()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("Waits for the worker")).to_be_visible()
    jobs.work_on_open_jobs()
    expect(page.get_by_text("2 of 3 rows imported")).to_be_visible()
    assert Lead.objects.count() == 2


def test_do_not_contact_asks_once_and_says_what_it_stopped(page):
    lead = make_execution(make_enrollment()).lead
    page.goto(f"/leads/{lead.pk}/")
    page.get_by_role("button", name="Do not contact").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("It stops 1 planned contact.")
    page.get_by_role("dialog").get_by_role("button", name="Do not contact").click()
    expect(page.locator(".toast-lane").first).to_contain_text("1 planned contact stopped.")
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"


def test_the_rules_of_the_next_contact_come_by_themselves(page):
    lead = make_execution(make_enrollment()).lead
    page.goto(f"/leads/{lead.pk}/")
    expect(page.get_by_text("Cap, 0 of 3", exact=False)).to_be_visible()


def test_ticked_leads_get_another_status(page):
    make_leads(3)
    page.goto("/leads/")
    for box in page.get_by_role("checkbox", name="Select Ada", exact=False).all()[:2]:
        box.check()
    page.get_by_role("button", name="Set status").click()
    page.get_by_label("Status").select_option("IN_PROGRESS")
    page.get_by_role("button", name="Set status of 2 leads").click()
    expect(page.locator(".toast-lane").first).to_contain_text("2 leads changed.")
    assert Lead.objects.filter(status="IN_PROGRESS").count() == 2
