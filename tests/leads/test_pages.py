import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from leads import removing, unsubscribe
from leads.models import ImportJob, Lead, Suppression
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
    make_conversion,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_leads,
)

pytestmark = pytest.mark.django_db
FILE = b"First name;E-mail;Phone;Plan\nAda;ada@example.com;(305) 510-2323;gold\nBob;nobody;;\n;ADA@example.com;12;\n"


def test_the_list_shows_who_is_next_and_why(as_operator, now):
    execution = make_execution(make_enrollment(), held_reason="quiet_hours", held_until=now)
    make_attempt(execution.lead)
    page = as_operator.get("/leads/").content.decode()
    assert str(execution.lead) in page
    assert "Outside the contact hours" in page
    assert execution.sequence.name in page


def test_the_list_costs_the_same_however_many_leads_it_shows(as_operator, django_assert_max_num_queries):
    for _ in range(3):
        make_attempt(make_execution(make_enrollment()).lead)
    make_leads(40)
    with django_assert_max_num_queries(12):
        assert as_operator.get("/leads/").status_code == 200


def test_the_lead_page_costs_the_same_however_long_the_story(as_operator, django_assert_max_num_queries):
    lead = make_lead()
    as_operator.get("/leads/")  # what a worker reads once is read
    for _ in range(4):
        make_execution(make_enrollment(lead=lead), status="SKIPPED", reason="suppressed")
        make_campaign_lead(lead=lead, due_at=clock.now())
        make_attempt(lead)
        make_conversion(lead)
    with django_assert_max_num_queries(12):
        assert as_operator.get(f"/leads/{lead.pk}/").status_code == 200


def test_search_finds_by_name_email_phone_and_external_id(as_viewer):
    make_lead(first_name="Amara", email="a.okafor@example.com", phone="+13055102323", external_id="88214")
    make_lead(first_name="Zoe")
    for text in ("amar", "okafor@ex", "305 510-2323", "88214"):
        page = as_viewer.get("/leads/", {"search": text}).content.decode()
        assert "Amara" in page, text
        assert "Zoe" not in page, text


def test_a_lead_is_added_by_hand_with_messy_addresses(as_operator):
    typed = {"first_name": "Ada", "email": " ADA@Example.com", "phone": "(305) 510-2323", "status": "NEW"}
    assert as_operator.post("/leads/new/", typed).status_code == 302
    assert Lead.objects.get().phone == "+13055102323"


def test_what_was_typed_stays_when_it_cannot_be_saved(as_operator):
    make_lead(first_name="Priya", email="priya@example.com", phone="+13055102323")
    typed = {"first_name": "Odd", "email": "odd@example.com", "phone": "(305) 510-2323", "status": "NEW"}
    answer = as_operator.post("/leads/new/", typed)
    assert answer.status_code == 422
    assert "belongs to Priya" in answer.content.decode()
    assert "odd@example.com" in answer.content.decode()
    answer = as_operator.post("/leads/new/", {"email": "nobody"})
    assert answer.status_code == 422
    assert "no @" in answer.content.decode()


def test_a_stale_form_answers_409_with_both_values(as_operator):
    lead = make_lead(first_name="Ada")
    old = lead.updated_at.isoformat()
    Lead.objects.get().save()
    typed = {"first_name": "Augusta", "email": lead.email, "status": "NEW", "version": old}
    answer = as_operator.post(f"/leads/{lead.pk}/edit/", typed)
    assert answer.status_code == 409
    assert "Augusta" in answer.content.decode()


def test_do_not_contact_says_how_many_steps_it_stopped(as_operator):
    execution = make_execution(make_enrollment())
    answer = as_operator.post(f"/leads/{execution.lead.pk}/stop/", follow=True)
    assert "1 planned contact stopped" in answer.content.decode()
    execution.lead.refresh_from_db()
    assert execution.lead.status == "DO_NOT_CONTACT"
    as_operator.post(f"/leads/{execution.lead.pk}/allow/")
    execution.lead.refresh_from_db()
    assert execution.lead.status == "NEW"


def test_a_deleted_lead_can_be_brought_back_from_its_page(as_operator, now):
    lead = make_lead()
    assert as_operator.post(f"/leads/{lead.pk}/delete/").status_code == 302
    assert "Restore" in as_operator.get(f"/leads/{lead.pk}/").content.decode()
    as_operator.post(f"/leads/{lead.pk}/restore/")
    assert Lead.objects.present().count() == 1
    removing.delete(lead, actor=SYSTEM, now=now)
    make_lead(email=lead.email)
    assert as_operator.post(f"/leads/{lead.pk}/restore/").status_code == 409


def test_viewers_see_and_do_not_act(as_viewer):
    lead = make_lead()
    assert as_viewer.get(f"/leads/{lead.pk}/").status_code == 200
    for path in (f"/leads/{lead.pk}/stop/", f"/leads/{lead.pk}/delete/", "/leads/new/", "/leads/bulk/"):
        assert as_viewer.post(path).status_code == 403, path
    assert as_viewer.get("/leads/import/").status_code == 403


def test_each_rule_is_shown_for_the_next_contact(as_viewer):
    make_integration("sandbox")
    execution = make_execution(make_enrollment())
    page = as_viewer.get(f"/leads/{execution.lead.pk}/next/").content.decode()
    assert "Consent, e-mail" in page
    assert "Cap, 0 of 3" in page
    assert execution.sequence.name in page


def test_whether_a_lead_may_be_contacted_now_is_told_rule_by_rule(as_viewer):
    make_integration("sandbox")
    lead = make_lead(phone=None)
    page = as_viewer.get(f"/leads/{lead.pk}/checks/").content.decode()
    assert "Nothing to send to: no address for this channel" in page
    assert "0 of 3 on" in page
    assert "Sandbox is active" in page
    assert "the lead&#x27;s own zone" in page


def test_a_bulk_action_asks_then_tells_how_many_and_why_not(as_operator):
    leads = make_leads(3)
    campaign = make_campaign()
    asked = as_operator.post("/leads/bulk/", {"action": "campaign", "ids": [lead.pk for lead in leads]})
    assert campaign.name in asked.content.decode()
    sure = {"action": "campaign", "ids": [lead.pk for lead in leads], "sure": "1", "target": campaign.pk}
    assert "3 leads changed" in as_operator.post("/leads/bulk/", sure, follow=True).content.decode()
    assert "3 already in the campaign" in as_operator.post("/leads/bulk/", sure, follow=True).content.decode()


def test_all_that_match_are_changed_by_a_job(as_operator):
    make_leads(201, source="CRM")
    make_leads(2, source="API")
    sure = {"action": "status", "all": "1", "query": "source=CRM", "sure": "1", "target": "IN_PROGRESS"}
    answer = as_operator.post("/leads/bulk/", sure)
    job_id = answer.url.rstrip("/").rsplit("/", 1)[1]
    jobs.work_on(job_id)
    assert Lead.objects.filter(status="IN_PROGRESS").count() == 201
    assert "201 leads changed" in as_operator.get(answer.url).content.decode()


def test_a_final_bulk_action_over_a_hundred_needs_its_number_typed(as_operator):
    make_leads(101)
    sure = {"action": "delete", "all": "1", "query": "", "sure": "1"}
    assert as_operator.post("/leads/bulk/", sure).status_code == 422
    as_operator.post("/leads/bulk/", sure | {"typed": "101"})
    assert not Lead.objects.present().exists()


def test_a_file_goes_through_every_stage_of_the_wizard(as_operator):
    file = SimpleUploadedFile("people.csv", FILE)
    answer = as_operator.post("/leads/import/", {"file": file, "region": "US"})
    importing = ImportJob.objects.get()
    assert answer.url == reverse("import-columns", args=[importing.pk])
    page = as_operator.get(answer.url).content.decode()
    assert "semicolons" in page
    assert "ada@example.com" in page
    chosen = {"source": "CRM", "region": "US", "campaign": ""}
    checked = as_operator.post(answer.url, chosen, follow=True).content.decode()
    assert "2 of 3 rows will be imported" in checked
    assert not Lead.objects.exists()
    as_operator.post(f"/leads/import/{importing.pk}/run/")
    running = as_operator.get(f"/leads/import/{importing.pk}/run/").content.decode()
    assert "Waits for the worker" in running
    importing.refresh_from_db()
    jobs.work_on(importing.job_id)
    result = as_operator.get(f"/leads/import/{importing.pk}/run/", follow=True).content.decode()
    assert "2 of 3 rows imported" in result
    left_out = b"".join(as_operator.get(f"/leads/import/{importing.pk}/left-out/")).decode()
    assert "nobody" in left_out
    assert "Reason" in left_out
    assert Lead.objects.get().meta == {"Plan": "gold"}


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\x00\x01\x02\x00", b"%PDF-1.7"])
def test_a_file_that_is_no_list_is_refused_beside_the_field(as_operator, content):
    answer = as_operator.post("/leads/import/", {"file": SimpleUploadedFile("x.csv", content), "region": "US"})
    assert answer.status_code == 422
    assert not ImportJob.objects.exists()


def test_unsubscribing_needs_a_post_and_nothing_else(client):
    lead = make_lead()
    path = unsubscribe.url_for(lead.pk, "attempt").removeprefix("http://testserver")
    assert "Unsubscribe" in client.get(path).content.decode()
    lead.refresh_from_db()
    assert lead.status == "NEW"
    answer = client.post(path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert client.post(path + "/").status_code == 200
    assert client.get("/u/forged").status_code == 404


def test_an_address_is_barred_and_allowed_again(as_admin):
    given = {"address": "ADA@example.com", "channel": "ALL", "reason": "staff"}
    answer = as_admin.post("/leads/suppressions/new/", given)
    assert answer.status_code == 302
    assert "ada@example.com" in as_admin.get("/leads/suppressions/").content.decode()
    row = Suppression.objects.get()
    as_admin.post(f"/leads/suppressions/{row.pk}/lift/", {"because": "They asked"})
    assert not Suppression.objects.standing().exists()


def test_past_imports_are_listed(as_viewer):
    ImportJob.objects.create(filename="people.csv", region="US", rows=7)
    assert "people.csv" in as_viewer.get("/leads/imports/").content.decode()
