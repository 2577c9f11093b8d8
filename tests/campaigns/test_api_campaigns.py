import pytest

from campaigns.models import Campaign
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_campaign, make_campaign_lead, make_conversion, make_lead, make_script

pytestmark = pytest.mark.django_db


def test_a_campaign_is_made_read_changed_and_deleted(api):
    caller = api("operator")
    made = caller.post("/api/campaigns", {"name": "Spring", "channels": ["EMAIL", "SMS"], "meta": {"autoAssign": True}})
    assert made.status_code == 201, made.json()
    assert made.json()["status"] == "DRAFT"
    path = f"/api/campaigns/{made.json()['id']}"
    changed = caller.patch(path, {"meta": {"contactHoursEnd": "24:00", "contactDays": ["MON"]}, "endDate": None})
    assert changed.json()["meta"] == {"contactHoursEnd": "24:00", "contactDays": ["MON"]}
    assert caller.delete(path).status_code == 204
    assert caller.get(path).status_code == 404
    assert sorted(AuditEvent.objects.values_list("action", flat=True)) == ["change", "create", "delete"]


def test_the_detail_nests_scripts_counts_and_on_request_leads(api):
    campaign = make_campaign()
    script = make_script(campaign=campaign)
    make_campaign_lead(campaign)
    make_attempt(campaign=campaign)
    detail = api("viewer").get(f"/api/campaigns/{campaign.pk}").json()
    assert [one["id"] for one in detail["scripts"]] == [script.pk]
    assert detail["counts"] == {"campaignLeads": 1, "scripts": 1, "contactAttempts": 1, "conversions": 0}
    assert "leads" not in detail
    detail = api("viewer").get(f"/api/campaigns/{campaign.pk}", {"include": "leads"}).json()
    assert [one["lead"]["firstName"] for one in detail["leads"]] == ["Ada"]


def test_the_list_filters_searches_and_counts_leads(api):
    make_campaign(name="Autumn", status="DRAFT")
    make_campaign_lead(make_campaign(name="Spring"))
    assert [c["name"] for c in api("viewer").get("/api/campaigns", {"status": "DRAFT,PAUSED"}).json()["data"]] == [
        "Autumn"
    ]
    (found,) = api("viewer").get("/api/campaigns", {"search": "spri"}).json()["data"]
    assert found["leadCount"] == 1
    assert api("viewer").get("/api/campaigns", {"status": "LOST"}).status_code == 400
    assert api("viewer").get("/api/campaigns", {"createdFrom": "yesterday"}).status_code == 400


def test_the_status_moves_by_patch_and_other_moves_answer_409_with_the_allowed_ones(api):
    campaign = make_campaign(status="DRAFT")
    path = f"/api/campaigns/{campaign.pk}"
    refused = api("operator").patch(path, {"status": "PAUSED"})
    assert refused.status_code == 409
    assert refused.json()["allowed"] == ["ACTIVE"]
    for status in ("ACTIVE", "PAUSED", "ACTIVE", "COMPLETED"):
        assert api("operator").patch(path, {"status": status}).json()["status"] == status
    assert api("operator").patch(path, {"status": "ACTIVE"}).json()["allowed"] == []


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"name": "  "}, "name", "blank"),
        ({"name": "x", "channels": ["FAX"]}, "channels.0", "FAX"),
        ({"name": "x", "channels": ["SMS", "SMS"]}, "channels", "each once"),
        ({"name": "x", "meta": []}, "meta", "object"),
        ({"name": "x", "meta": {"contactHoursStart": "24:00"}}, "meta", "contactHoursStart: Write a time as HH:MM"),
        ({"name": "x", "meta": {"contactHoursEnd": "24:01"}}, "meta", "contactHoursEnd: Write a time as HH:MM"),
        ({"name": "x", "meta": {"contactDays": ["MONDAY"]}}, "meta", "contactDays: Name at least one day"),
        ({"name": "x", "meta": {"contactDays": []}}, "meta", "contactDays: Name at least one day"),
        ({"name": "x", "meta": {"maxContactsPerDay": 0}}, "meta", "maxContactsPerDay: Give a whole number from 1"),
        ({"name": "x", "meta": {"maxContactsPerDay": True}}, "meta", "maxContactsPerDay"),
        ({"name": "x", "meta": {"delayBetweenChannels": "1h"}}, "meta", "delayBetweenChannels: Give a whole number"),
        ({"name": "x", "meta": {"autoAssign": "yes"}}, "meta", "autoAssign: Say true or false."),
        ({"name": "x", "meta": {"emailSequence": [1]}}, "meta", "emailSequence: List texts"),
        ({"name": "x", "meta": {"vapiConfig": "x"}}, "meta", "vapiConfig: Give an object."),
        ({"name": "x", "startDate": "0101-01-01T00:00:00Z"}, "startDate", "Give a year from 2000 to 2200."),
        ({"name": "x", "description": "x" * 10_001}, "description", "at most 10,000 characters"),
        ({"name": "x", "startDate": "2026-05-02T00:00:00Z", "endDate": "2026-05-01T00:00:00Z"}, "endDate", "after"),
    ],
)
def test_what_cannot_be_saved_is_said_in_a_sentence_beside_its_field(api, body, field, word):
    answer = api("operator").post("/api/campaigns", body)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert word in error["message"]


def test_unknown_meta_passes_untouched(api):
    answer = api("operator").post("/api/campaigns", {"name": "x", "meta": {"ours": {"deep": [1]}, "autoAssign": None}})
    assert answer.json()["meta"] == {"ours": {"deep": [1]}, "autoAssign": None}


def test_a_campaign_with_history_is_not_deleted(api):
    campaign = make_campaign()
    make_attempt(campaign=campaign)
    answer = api("operator").delete(f"/api/campaigns/{campaign.pk}")
    assert answer.status_code == 409
    assert "Complete it instead" in answer.json()["detail"]
    assert Campaign.objects.filter(pk=campaign.pk).exists()


def test_leads_are_assigned_listed_and_removed(api):
    campaign, lead = make_campaign(), make_lead()
    path = f"/api/campaigns/{campaign.pk}/leads"
    assert api("operator").post(path, {"leadIds": [lead.pk, "nobody"]}).json() == {"assigned": 1, "skipped": 1}
    assert api("operator").post(path, {"leadIds": [lead.pk]}).json() == {"assigned": 0, "skipped": 1}
    listed = api("viewer").get(path, {"status": "PENDING"}).json()
    assert (listed["total"], listed["data"][0]["lead"]["email"]) == (1, lead.email)
    assert api("operator").delete(path, {"leadIds": [lead.pk]}).json() == {"removed": 1}
    assert api("operator").post(path, {"leadIds": "x"}).status_code == 400
    assert api("operator").post("/api/campaigns/none/leads", {"leadIds": [lead.pk]}).status_code == 404
    assert api("viewer").post(path, {"leadIds": [lead.pk]}).status_code == 403


def test_statistics_count_leads_by_status_attempts_by_channel_and_confirmed_money(api):
    campaign = make_campaign()
    make_campaign_lead(campaign)
    make_campaign_lead(campaign, status="CONTACTED")
    make_attempt(campaign=campaign, status="DELIVERED")
    make_attempt(campaign=campaign, status="FAILED")
    make_attempt(campaign=campaign, channel="SMS")
    make_conversion(campaign=campaign, revenue="12.50")
    make_conversion(campaign=campaign, standing="pending")
    figures = api("viewer").get(f"/api/campaigns/{campaign.pk}/stats").json()
    assert figures["byStatus"] == {"PENDING": 1, "CONTACTED": 1, "COMPLETED": 0}
    assert figures["byChannel"] == {"EMAIL": 2, "SMS": 1}
    assert figures["channels"][0]["byStatus"] == {"DELIVERED": 1, "FAILED": 1}
    assert (figures["conversions"], figures["revenue"], figures["currency"]) == (1, 12.5, "USD")


def test_viewers_read_and_nobody_without_a_key_does(api):
    assert api("viewer").post("/api/campaigns", {"name": "x"}).status_code == 403
    assert api("").get("/api/campaigns").status_code == 401
