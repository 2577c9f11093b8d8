from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.models import ContactPolicy
from leads import consent, removing
from leads.models import ImportJob, Lead, Suppression
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from tests.builders import (
    make_attempt,
    make_campaign_lead,
    make_conversion,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_leads,
)

pytestmark = pytest.mark.django_db


def test_somebody_new_is_201_and_somebody_known_200_with_blanks_filled(api):
    first = api("operator").post("/api/leads", {"email": "ADA@example.com", "firstName": "Ada"})
    again = api("operator").post("/api/leads", {"email": "ada@example.com", "firstName": "X", "lastName": "King"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["created"], again.json()["created"]) == (True, False)
    assert (again.json()["firstName"], again.json()["lastName"]) == ("Ada", "King")
    assert first.json()["source"] == "API"


def test_a_phone_of_somebody_else_is_409_and_names_them(api):
    owner = make_lead(first_name="Priya", last_name="Nair", email="priya@example.com", phone="+13055102323")
    answer = api("operator").post("/api/leads", {"email": "other@example.com", "phone": "(305) 510-2323"})
    assert answer.status_code == 409
    assert "Priya Nair" in answer.json()["detail"]
    assert answer.json()["leadId"] == owner.pk


def test_bad_addresses_are_told_field_by_field(api):
    answer = api("operator").post("/api/leads", {"email": "nobody", "phone": "12"})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["email", "phone"]


def test_viewers_read_and_do_not_write(api):
    lead = make_lead()
    assert api("viewer").get(f"/api/leads/{lead.pk}").status_code == 200
    assert api("viewer").post("/api/leads", {"email": "a@example.com"}).status_code == 403
    assert api("operator").post(f"/api/leads/{lead.pk}/erase").status_code == 403
    assert api("").get("/api/leads").status_code == 401


def test_the_list_filters_searches_and_sorts(api):
    make_lead(first_name="Zoe", status="CONTACTED", source="CRM", phone="+13055102323")
    campaign = make_campaign_lead(lead=make_lead(first_name="Amara")).campaign

    def get(**query):
        return [lead["firstName"] for lead in api("viewer").get("/api/leads", query).json()["data"]]

    assert get(sortBy="firstName", sortOrder="asc") == ["Amara", "Zoe"]
    assert get(status="CONTACTED,NEW", source="CRM") == ["Zoe"]
    assert get(campaignId=campaign.pk) == ["Amara"]
    assert get(search="305 510 2323") == ["Zoe"]
    assert get(search="zo love") == ["Zoe"]
    assert api("viewer").get("/api/leads", {"status": "OLD"}).status_code == 400


def test_a_lead_carries_counts_attempts_and_what_comes_next(api, now):
    soon = clock.now() + timedelta(days=3)
    make_integration("sandbox")
    execution = make_execution(make_enrollment(), scheduled_at=soon.replace(hour=12))
    lead = execution.lead
    make_attempt(lead)
    make_conversion(lead)
    answer = api("viewer").get(f"/api/leads/{lead.pk}").json()
    assert answer["counts"] == {"attempts": 1, "conversions": 1, "enrollments": 1, "campaigns": 0}
    assert answer["attempts"][0]["status"] == "SENT"
    assert answer["next"]["channel"] == "EMAIL"
    assert answer["next"]["reason"] == "planned"


def test_a_change_to_do_not_contact_stops_what_is_planned(api):
    execution = make_execution(make_enrollment())
    answer = api("operator").patch(f"/api/leads/{execution.lead.pk}", {"status": "DO_NOT_CONTACT"})
    execution.refresh_from_db()
    assert answer.json()["status"] == "DO_NOT_CONTACT"
    assert answer.json()["next"] is None
    assert execution.status == "SKIPPED"
    assert Suppression.objects.standing().exists()


def test_a_buyer_cannot_be_made_new_again(api):
    lead = make_lead(status="CONVERTED")
    make_conversion(lead)
    answer = api("operator").patch(f"/api/leads/{lead.pk}", {"status": "NEW"})
    assert answer.status_code == 409
    assert "CONVERTED" in answer.json()["allowed"]


def test_consent_shows_in_meta_and_cannot_be_written(api, now):
    lead = make_lead()
    consent.opt_out(lead, channel="SMS", reason="opted_out", source="STOP", now=now, actor=SYSTEM)
    answer = api("operator").patch(f"/api/leads/{lead.pk}", {"meta": {"plan": "gold", "optOut": {}}})
    assert answer.json()["meta"]["optOut"]["sms"]["source"] == "STOP"
    assert answer.json()["meta"]["plan"] == "gold"


def test_many_leads_at_once_are_counted_and_bad_ones_told_by_place(api):
    leads = [
        {"email": "a@example.com"},
        {"email": "A@example.com", "firstName": "Ada"},
        {"firstName": "Nobody"},
        {"email": 7, "status": "WRONG"},
        {"email": "b@example.com", "phone": "nonsense"},
    ]
    answer = api("operator").post("/api/leads/bulk", {"leads": leads}).json()
    assert (answer["created"], answer["updated"], answer["unchanged"]) == (1, 1, 0)
    assert [one["index"] for one in answer["invalid"]] == [2, 3, 4]
    assert answer["invalid"][2]["errors"][0]["field"] == "phone"


def test_statistics_add_up(api):
    make_leads(3, source="CRM")
    make_lead(status="CONVERTED")
    answer = api("viewer").get("/api/leads/stats").json()
    assert answer["total"] == 4
    assert (answer["byStatus"]["NEW"], answer["byStatus"]["CONVERTED"]) == (3, 1)
    assert answer["bySource"] == {"CRM": 3, "MANUAL": 1}


def test_the_timeline_tells_everything_newest_first(api, now):
    execution = make_execution(make_enrollment(), status="SKIPPED", reason="suppressed", scheduled_at=now)
    lead = execution.lead
    make_attempt(lead, result={"replied": True, "reply_text": "Yes please"})
    make_conversion(lead)
    consent.do_not_contact(lead, now=now, actor=SYSTEM)
    answer = api("viewer").get(f"/api/leads/{lead.pk}/timeline").json()
    assert {event["kind"] for event in answer["data"]} == {"contact", "reply", "not_sent", "edit", "other"}
    times = [event["at"] for event in answer["data"]]
    assert times == sorted(times, reverse=True)
    only = api("viewer").get(f"/api/leads/{lead.pk}/timeline", {"kind": "reply"}).json()["data"]
    assert [event["detail"] for event in only] == ["“Yes please”"]


def test_deleting_hides_and_restoring_brings_back_unless_the_address_is_taken(api):
    lead = make_lead(email="ada@example.com")
    assert api("operator").delete(f"/api/leads/{lead.pk}").status_code == 204
    assert api("viewer").get(f"/api/leads/{lead.pk}").status_code == 404
    assert api("admin").post(f"/api/leads/{lead.pk}/restore").status_code == 200
    removing.delete(lead, actor=SYSTEM, now=lead.created_at)
    make_lead(email="ada@example.com")
    assert api("admin").post(f"/api/leads/{lead.pk}/restore").status_code == 409


def test_erasing_is_for_good(api):
    lead = make_lead(email="ada@example.com")
    assert api("admin").post(f"/api/leads/{lead.pk}/erase").status_code == 204
    assert Lead.objects.get().email is None
    assert api("admin").post(f"/api/leads/{lead.pk}/erase").status_code == 404
    assert api("admin").post(f"/api/leads/{lead.pk}/restore").status_code == 404


def test_suppressions_are_made_by_operators_and_lifted_by_admins(api):
    made = api("operator").post("/api/suppressions", {"address": " ADA@Example.com ", "channel": "EMAIL"})
    assert (made.status_code, made.json()["address"]) == (201, "ada@example.com")
    path = f"/api/suppressions/{made.json()['id']}"
    assert api("operator").delete(path).status_code == 403
    assert api("admin").delete(path).status_code == 204
    assert api("viewer").get("/api/suppressions").json()["total"] == 0


def upload(api, content, **fields):
    client = api("operator")
    file = SimpleUploadedFile("people.csv", content)
    return client.client.post("/api/imports", {"file": file, **fields}, headers=client.headers)


def test_a_file_is_taken_in_by_the_worker(api):
    answer = upload(api, b"First name;E-mail\nAda;ada@example.com\nBob;nobody\n", source="CRM")
    assert answer.status_code == 202
    importing = answer.json()
    assert (importing["status"], importing["total"]) == ("QUEUED", 2)
    jobs.work_on(importing["jobId"])
    done = api("viewer").get(f"/api/imports/{importing['id']}").json()
    assert (done["status"], done["created"], done["invalid"], done["processed"]) == ("DONE", 1, 1, 2)
    assert Lead.objects.get().source == "CRM"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"Email\n", "no rows"),
        (b"\x00\x01\x02garbage\x00", "not a text file"),
        (b"PK\x03\x04garbage", "damaged Excel"),
        (b"\xd0\xcf\x11\xe0", "old Excel"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_one_sentence(api, content, says):
    answer = upload(api, content)
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert ImportJob.objects.count() == 0


def test_whether_a_lead_may_be_contacted_now_is_told_rule_by_rule(api, now):
    make_integration("sandbox")
    lead = make_lead(phone=None)
    ContactPolicy.objects.create(contact_hours_start="00:00", contact_hours_end="24:00")
    ask = f"/api/leads/{lead.pk}/may-contact"
    yes = api("viewer").get(f"{ask}?channel=EMAIL").json()
    assert (yes["may"], yes["reason"], yes["until"], yes["sentence"]) == (True, None, None, "")
    assert {rule["status"] for rule in yes["rules"]} == {"OK"}
    assert {"Daily cap", "Contact hours", "Opt-outs", "Provider", "Late rule"} <= {
        rule["rule"] for rule in yes["rules"]
    }

    no = api("viewer").get(f"{ask}?channel=SMS").json()
    assert (no["may"], no["reason"]) == (False, "no_address")
    assert next(rule["reason"] for rule in no["rules"] if rule["status"] != "OK") == "no_address"
    assert api("viewer").get(f"{ask}?channel=PIGEON").json()["errors"][0]["field"] == "channel"
