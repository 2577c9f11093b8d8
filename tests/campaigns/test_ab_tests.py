"""A/B tests: each lead always gets the same text, figures say how sure they are, the winner stays."""

import math

import pytest

from campaigns import ab_figures
from campaigns.assigning import assign
from campaigns.models import ABTest, ContactAttempt, Script
from campaigns.plan import Entry
from integrations.models import IntegrationConfig
from retention_center.audit import SYSTEM
from retention_center.lib import intervals
from retention_center.models import AuditEvent
from sequences import processor
from tests.builders import make_attempt, make_campaign, make_conversion, make_lead, make_leads, make_script
from tests.stub_provider import PATH, StubProvider

TEXTS = {"variantA": "Come back, {{ firstName }}.", "variantB": "We miss you, {{ firstName }}."}


# How sure a rate is -------------------------------------------------------------------------------------------------


def test_an_interval_is_wide_with_few_and_narrow_with_many():
    assert intervals.wilson(0, 0) == (0, 1)
    low, high = intervals.wilson(5, 10)
    assert (round(low, 3), round(high, 3)) == (0.237, 0.763)
    low, high = intervals.wilson(0, 30)
    assert low == 0
    assert round(high, 3) == 0.114
    assert math.isclose(sum(intervals.wilson(500, 1000)), 1)


def test_rates_differ_only_when_chance_does_not_explain_it():
    low, high = intervals.difference(10, 100, 12, 100)
    assert low < 0 < high
    low, high = intervals.difference(50, 1000, 100, 1000)
    assert 0 < low < 0.05 < high
    assert intervals.difference(0, 0, 1, 10) == (-1, 1)


def test_a_lead_gets_the_same_variant_every_time_and_half_of_them_each():
    script = Script(content="as it was", subject="Hello")
    entry = Entry("EMAIL", "EMAIL", script, ABTest(pk="t1", variant_a="one", variant_b="two"))
    given = [entry.variant_for(f"lead{number}") for number in range(1000)]
    assert given == [entry.variant_for(f"lead{number}") for number in range(1000)]
    assert 430 < given.count("A") < 570
    other = Entry("EMAIL", "EMAIL", script, ABTest(pk="t2"))
    assert given != [other.variant_for(f"lead{number}") for number in range(1000)]
    shown = entry.script_for("B")
    assert (shown.content, shown.subject, script.content) == ("two", "Hello", "as it was")
    assert Entry("EMAIL", "EMAIL", script).variant_for("lead1") == ""


# Sent ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def campaign(db):
    make_script("EMAIL", is_default=True, content="As ever.")
    return make_campaign(channels=["EMAIL", "SMS"])


@pytest.fixture
def started(api, campaign) -> ABTest:
    answer = api("operator").post("/api/ab-tests", {"campaignId": campaign.pk, "channel": "EMAIL", **TEXTS})
    assert answer.status_code == 201, answer.content
    return ABTest.objects.get()


def test_a_running_test_decides_the_text_and_the_attempt_keeps_the_variant(started, healthy, settings, now):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True)
    leads = make_leads(12, first_name="Ada")
    assign(started.campaign, [lead.pk for lead in leads], now, SYSTEM)
    assert processor.run(now)["sent"] == 12
    texts = {"A": "Come back, Ada.", "B": "We miss you, Ada."}
    attempts = ContactAttempt.objects.all()
    assert {attempt.ab_test_id for attempt in attempts} == {started.pk}
    assert {attempt.variant for attempt in attempts} <= {"A", "B"}
    for attempt in attempts:
        assert attempt.message["text"].startswith(texts[attempt.variant])
    StubProvider.reset()


# The API ------------------------------------------------------------------------------------------------------------


def test_figures_count_people_and_say_when_they_are_too_few(api, started):
    for number in range(3):
        lead = make_lead()
        attempt = make_attempt(lead, campaign=started.campaign, ab_test=started, variant="A", status="DELIVERED")
        if number == 0:
            make_conversion(lead, contact_attempt=attempt)
            make_attempt(lead, ab_test=started, variant="A", status="SENT")
    body = api("viewer").get(f"/api/ab-tests/{started.pk}").json()
    assert body["statsA"]["sent"] == 3
    assert body["statsA"]["delivered"]["part"] == 3
    assert body["statsA"]["converted"] | {"low": 0, "high": 0} == {
        "part": 1, "whole": 3, "rate": None, "low": 0, "high": 0,
    }  # fmt: skip
    assert (body["statsB"]["sent"], body["verdict"], body["winnerId"]) == (0, "TOO_FEW", None)


def test_a_clear_difference_is_told():
    ended = ABTest(status="COMPLETED")
    ended.stats_a = {"sent": 1000, "delivered": 990, "replied": 4, "converted": 50}
    ended.stats_b = {"sent": 1000, "delivered": 980, "replied": 6, "converted": 100}
    assert ab_figures.of(ended).verdict == "B"
    ended.stats_b = ended.stats_b | {"converted": 55}
    assert ab_figures.of(ended).verdict == "NO_DIFFERENCE"


def test_the_winners_text_becomes_the_campaigns_own_script(api, started):
    answer = api("operator").patch(f"/api/ab-tests/{started.pk}", {"status": "COMPLETED", "winnerId": "B"})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["status"], answer.json()["winnerId"]) == ("COMPLETED", "B")
    own = Script.objects.get(campaign=started.campaign)
    assert (own.content, own.is_default) == (TEXTS["variantB"], False)
    assert Script.objects.get(is_default=True).content == "As ever."
    assert set(AuditEvent.objects.filter(object_type="abtest").values_list("action", flat=True)) == {"create", "move"}
    again = api("operator").patch(f"/api/ab-tests/{started.pk}", {"status": "COMPLETED", "winnerId": "A"})
    assert again.status_code == 409


def test_a_test_that_cannot_be_is_refused_with_the_reason(api, started, campaign):
    caller = api("operator")

    def start(**given):
        return caller.post("/api/ab-tests", {"campaignId": campaign.pk, "channel": "SMS", **TEXTS, **given})

    assert start(channel="EMAIL").status_code == 409  # one runs already
    assert start().status_code == 409  # no script for SMS
    assert start(channel="CALL").status_code == 409  # the campaign makes no calls
    assert start(campaignId="nobody").status_code == 400
    make_script("SMS", is_default=True)
    assert start(variantB=TEXTS["variantA"]).json()["errors"][0]["field"] == "variantB"
    assert start(variantA="{{ shoeSize }}").json()["errors"][0]["field"] == "variantA"
    assert start(variantA=" ").status_code == 400
    assert start().status_code == 201
    assert ABTest.objects.count() == 2


def test_texts_change_only_while_nobody_got_them(api, started):
    path = f"/api/ab-tests/{started.pk}"
    assert api("operator").patch(path, {"variantA": "Another text."}).json()["variantA"] == "Another text."
    assert api("operator").patch(path, {"winnerId": "A"}).status_code == 400
    make_attempt(ab_test=started, variant="A")
    assert api("operator").patch(path, {"variantA": "A third."}).status_code == 409
    assert api("viewer").patch(path, {"status": "COMPLETED"}).status_code == 403


def test_a_list_of_tests_takes_filters(api, started):
    caller = api("viewer")
    assert caller.get("/api/ab-tests", {"status": "RUNNING", "channel": "EMAIL"}).json()["total"] == 1
    assert caller.get("/api/ab-tests", {"campaignId": "other"}).json()["total"] == 0
