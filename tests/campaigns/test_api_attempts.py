import pytest

from tests.builders import make_attempt, make_campaign, make_lead

pytestmark = pytest.mark.django_db


def test_the_list_takes_every_filter(api, now):
    lead, campaign = make_lead(), make_campaign()
    make_attempt(lead, campaign=campaign, status="FAILED", channel="SMS", provider="twilio", started_at=now)
    make_attempt()
    for query in (
        {"status": "FAILED,BOUNCED"},
        {"channel": "SMS"},
        {"campaignId": campaign.pk},
        {"leadId": lead.pk},
        {"provider": "twilio"},
        {"dateFrom": "2026-03-11", "dateTo": "2026-03-11"},
    ):
        assert api("viewer").get("/api/attempts", query).json()["total"] == 1, query
    assert api("viewer").get("/api/attempts", {"status": "LOST"}).status_code == 400


def test_the_detail_shows_the_message_and_the_facts_that_decided(api):
    attempt = make_attempt(
        message={"subject": "Hi", "text": "x", "html": ""},
        policy_snapshot={"cap": 3},
        reason="bounced",
        cost="0.0079",
        currency="USD",
    )
    shown = api("viewer").get(f"/api/attempts/{attempt.pk}").json()
    assert shown["message"]["subject"] == "Hi"
    assert shown["policySnapshot"] == {"cap": 3}
    assert shown["reasonSentence"] == "The mailbox does not exist or refused it"
    assert (shown["cost"], shown["isSandbox"]) == (0.0079, True)
    assert api("operator").delete(f"/api/attempts/{attempt.pk}").status_code == 405


def test_statistics_follow_the_filters(api):
    make_attempt(channel="CALL", status="SUCCESS", duration=60, cost="0.10", currency="USD")
    make_attempt(channel="CALL", status="SUCCESS", duration=120, cost="0.30", currency="USD")
    make_attempt(channel="CALL", status="FAILED")
    make_attempt(channel="CALL", status="DELIVERED")
    make_attempt()
    figures = api("viewer").get("/api/attempts/stats", {"channel": "CALL"}).json()
    assert (figures["total"], figures["byChannel"]) == (4, {"CALL": 4})
    assert figures["byStatus"] == {"DELIVERED": 1, "FAILED": 1, "SUCCESS": 2}
    assert (figures["deliveryRate"], figures["successRate"]) == ({"CALL": 0.75}, {"CALL": 0.5})
    best = next(row for row in figures["performance"] if row["status"] == "SUCCESS")
    assert (best["averageDuration"], best["averageCost"], best["count"]) == (90, 0.2, 2)


def test_the_list_costs_the_same_for_many_rows(api, django_assert_max_num_queries):
    for _ in range(30):
        make_attempt()
    caller = api("viewer")
    with django_assert_max_num_queries(6):
        assert len(caller.get("/api/attempts", {"pageSize": 30}).json()["data"]) == 30


def test_the_search_finds_attempts_by_lead_and_by_the_providers_reference(api):
    attempt = make_attempt(make_lead(first_name="Zoë"), provider_ref="SM-123")
    make_attempt()
    for text in ("zoë", attempt.lead.email, "SM-123"):
        assert [row["id"] for row in api("viewer").get("/api/attempts", {"search": text}).json()["data"]] == [
            attempt.pk
        ]
