"""Conversions by the API: written down once, linked, moved as a postback would, counted."""

from decimal import Decimal
from typing import Any

import pytest

from conversions.models import Conversion
from leads.models import Lead
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_campaign, make_conversion, make_enrollment, make_execution, make_lead

pytestmark = pytest.mark.django_db
SALE = {"status": "sale", "revenue": 49.95, "currency": "usd"}


def status_of(lead: Lead) -> str:
    return Lead.objects.get(pk=lead.pk).status


def test_an_operator_writes_a_conversion_down(api: Any) -> None:
    lead, campaign = make_lead(), make_campaign()
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment)
    body = SALE | {"leadId": lead.pk, "campaignId": campaign.pk, "source": "manual"}
    answer = api("operator").post("/api/conversions", body)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown | {"id": "", "createdAt": "", "updatedAt": "", "confirmedAt": "", "postbackData": {}} == {
        "id": "", "leadId": lead.pk, "campaignId": campaign.pk, "contactAttemptId": None, "channel": "",
        "revenue": 49.95, "currency": "USD", "status": "sale", "standing": "confirmed", "subId": "", "clickId": "",
        "tid": "", "source": "manual", "externalRef": "", "postbackData": {}, "confirmedAt": "", "createdAt": "",
        "updatedAt": "",
    }  # fmt: skip
    assert status_of(lead) == "CONVERTED"
    enrollment.refresh_from_db()
    assert enrollment.status == "CONVERTED"
    assert AuditEvent.objects.filter(action="create", object_type="conversion").count() == 1


def test_the_attempt_brings_its_lead_campaign_and_channel(api: Any) -> None:
    attempt = make_attempt(campaign=make_campaign(), channel="CALL")
    shown = api().post("/api/conversions", SALE | {"contactAttemptId": attempt.pk}).json()
    assert (shown["leadId"], shown["campaignId"], shown["channel"]) == (attempt.lead_id, attempt.campaign_id, "CALL")


def test_an_external_ref_makes_it_once(api: Any) -> None:
    body = SALE | {"externalRef": "order-7"}
    first, again = api().post("/api/conversions", body), api().post("/api/conversions", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    changed = api().post("/api/conversions", body | {"status": "refund"})
    assert (changed.json()["standing"], changed.json()["revenue"]) == ("rejected", 0)
    assert Conversion.objects.get().revenue == 0


def test_without_one_every_post_is_another_conversion(api: Any) -> None:
    for _ in range(2):
        assert api().post("/api/conversions", SALE).status_code == 201
    assert Conversion.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "status"),
        ({"status": "x" * 41}, "status"),
        ({"status": "sale", "revenue": -1}, "revenue"),
        ({"status": "sale", "revenue": "NaN"}, "revenue"),
        ({"status": "sale", "revenue": 1e300}, "revenue"),
        ({"status": "sale", "revenue": 1.23456}, "revenue"),
        ({"status": "sale", "currency": "euro"}, "currency"),
        ({"status": "sale", "source": "keitaro"}, "source"),
        ({"status": "sale", "leadId": "nobody"}, "leadId"),
        ({"status": "sale", "campaignId": "none"}, "campaignId"),
        ({"status": "sale", "contactAttemptId": "none"}, "contactAttemptId"),
        ({"status": "sale", "subId": "x" * 256}, "subId"),
    ],
)
def test_what_cannot_be_is_refused(api: Any, body: dict[str, Any], field: str) -> None:
    answer = api().post("/api/conversions", body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_viewers_only_read(api: Any) -> None:
    conversion = make_conversion()
    assert api("viewer").post("/api/conversions", SALE).status_code == 403
    assert api("viewer").patch(f"/api/conversions/{conversion.pk}", {}).status_code == 403
    assert api("viewer").get(f"/api/conversions/{conversion.pk}").status_code == 200
    assert api("").get("/api/conversions").status_code == 401


def test_linking_a_lead_converts_it_and_frees_the_one_before(api: Any) -> None:
    wrong, right = make_lead(), make_lead()
    made = api().post("/api/conversions", SALE | {"leadId": wrong.pk}).json()
    answer = api().patch(f"/api/conversions/{made['id']}", {"leadId": right.pk})
    assert answer.json()["leadId"] == right.pk
    assert (status_of(wrong), status_of(right)) == ("IN_PROGRESS", "CONVERTED")
    api().patch(f"/api/conversions/{made['id']}", {"leadId": None})
    assert Conversion.objects.get().lead is None
    assert status_of(right) == "IN_PROGRESS"


def test_linking_brings_the_same_click_home(api: Any, postback: Any) -> None:
    postback(status="sale", tid="1")
    postback(status="rebill", tid="2")
    lead, row = make_lead(), Conversion.objects.get(tid="1")
    api().patch(f"/api/conversions/{row.pk}", {"leadId": lead.pk})
    assert {each.lead for each in Conversion.objects.all()} == {lead}
    assert {each["status"] for each in api().get("/api/inbox").json()["data"]} == {"APPLIED"}


def test_a_status_moves_as_a_postback_would_move_it(api: Any) -> None:
    lead = make_lead()
    made = api().post("/api/conversions", {"status": "lead", "revenue": 5, "leadId": lead.pk}).json()
    path = f"/api/conversions/{made['id']}"
    assert status_of(lead) == "NEW"
    assert api().patch(path, {"status": "sale"}).json()["standing"] == "confirmed"
    assert status_of(lead) == "CONVERTED"
    assert api().patch(path, {"revenue": 8}).json()["revenue"] == 8
    assert api().patch(path, {"status": "lead"}).status_code == 409
    rejected = api().patch(path, {"status": "refund"}).json()
    assert (rejected["standing"], rejected["revenue"]) == ("rejected", 0)
    assert status_of(lead) == "IN_PROGRESS"
    assert api().patch(path, {"status": "sale"}).status_code == 409
    assert Conversion.objects.get().status == "refund"


def test_a_campaign_is_linked_without_touching_the_lead(api: Any) -> None:
    conversion, campaign = make_conversion(make_lead()), make_campaign()
    shown = api().patch(f"/api/conversions/{conversion.pk}", {"campaignId": campaign.pk}).json()
    assert (shown["campaignId"], shown["leadId"]) == (campaign.pk, conversion.lead_id)


def test_filters(api: Any) -> None:
    lead, campaign = make_lead(), make_campaign()
    mine = make_conversion(lead, campaign=campaign, status="deposit", source="keitaro", sub_id="needle")
    make_conversion(None, standing="pending", status="lead")
    for query in (
        {"leadId": lead.pk}, {"campaignId": campaign.pk}, {"status": "deposit,other"}, {"source": "keitaro"},
        {"standing": "confirmed"}, {"isUnmatched": "false"}, {"search": "needle"}, {"search": lead.last_name},
    ):  # fmt: skip
        found = api("viewer").get("/api/conversions", query).json()
        assert [each["id"] for each in found["data"]] == [mine.pk], query
    assert api("viewer").get("/api/conversions", {"dateFrom": "2100-01-01"}).json()["total"] == 0
    assert api("viewer").get("/api/conversions", {"dateTo": "2000-01-01"}).json()["total"] == 0
    assert api("viewer").get("/api/conversions", {"standing": "perhaps"}).status_code == 400


def test_the_list_costs_the_same_however_long(api: Any, django_assert_max_num_queries: Any) -> None:
    for _ in range(12):
        make_conversion(make_lead(), campaign=make_campaign())
    caller = api("viewer")
    caller.get("/api/conversions")
    with django_assert_max_num_queries(5):
        assert len(caller.get("/api/conversions").json()["data"]) == 12


def test_figures_count_confirmed_money_only(api: Any) -> None:
    campaign = make_campaign()
    make_conversion(make_lead(), revenue=Decimal("10.5"), campaign=campaign)
    make_conversion(make_lead(), revenue=Decimal("4"), status="rebill")
    make_conversion(make_lead(), revenue=Decimal("7"), currency="EUR")
    make_conversion(make_lead(), revenue=Decimal("99"), status="lead", standing="pending", campaign=campaign)
    make_conversion(make_lead(), revenue=Decimal(0), status="refund", standing="rejected")
    assert api("viewer").get("/api/conversions/stats").json() == {
        "total": 5,
        "revenue": 14.5,
        "currency": "USD",
        "otherRevenue": {"EUR": 7},
        "byStatus": {"lead": 1, "rebill": 1, "refund": 1, "sale": 2},
        "byStanding": {"confirmed": 3, "pending": 1, "rejected": 1},
        "byCampaign": [
            {"campaignId": None, "name": "", "total": 3, "revenue": 4},
            {"campaignId": campaign.pk, "name": campaign.name, "total": 2, "revenue": 10.5},
        ],
    }
    narrowed = api("viewer").get("/api/conversions/stats", {"campaignId": campaign.pk}).json()
    assert (narrowed["total"], narrowed["revenue"]) == (2, 10.5)
