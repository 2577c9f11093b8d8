"""The overview report: its figures equal a recount, and it stays cheap."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversions import reports
from conversions.periods import BadPeriod, Period, period_of
from tests.builders import make_attempt, make_conversion, make_enrollment, make_execution, make_lead, make_leads

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 10)
INSIDE = datetime(2026, 3, 4, 12, tzinfo=UTC)
BEFORE = datetime(2026, 2, 24, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cold_cache(db):
    cache.clear()


@pytest.fixture
def overview(now):
    return lambda: reports.overview(FIRST, LAST, now=now)


def test_attempts_are_counted_by_channel_status_and_day(overview):
    lead = make_lead(created_at=INSIDE)
    make_attempt(lead, status="SUCCESS", started_at=INSIDE)
    make_attempt(lead, status="DELIVERED", started_at=INSIDE)
    make_attempt(lead, channel="SMS", status="FAILED", reason="not_delivered", started_at=INSIDE)
    make_attempt(lead, status="SENT", started_at=BEFORE)
    figures = overview()["attempts"]
    assert (figures["total"], figures["accepted"], figures["failed"]) == (3, 2, 1)
    assert figures["before"]["total"] == 1
    assert figures["by_status"]["SUCCESS"] == 1
    email = next(row for row in figures["by_channel"] if row["channel"] == "EMAIL")
    assert (email["total"], email["accepted"]) == (2, 2)
    day = next(row for row in figures["by_day"] if row["date"] == INSIDE.date())
    assert (day["total"], day["accepted"]["EMAIL"], day["accepted"]["SMS"]) == (3, 2, 0)
    assert len(figures["by_day"]) == 10


def test_a_rate_of_few_observations_is_not_judged(overview):
    lead = make_lead()
    for _ in range(29):
        make_attempt(lead, status="SUCCESS", started_at=INSIDE)
    assert overview()["attempts"]["success_rate"] == {
        "numerator": 29,
        "denominator": 29,
        "rate": None,
        "too_few_to_judge": True,
    }
    make_attempt(lead, status="FAILED", started_at=INSIDE)
    cache.clear()
    assert overview()["attempts"]["success_rate"]["rate"] == round(29 / 30, 4)


def test_average_duration_and_cost_leave_out_what_has_none_and_foreign_money(overview):
    lead = make_lead()
    call = {"channel": "CALL", "status": "SUCCESS", "started_at": INSIDE}
    make_attempt(lead, **call, duration=60, cost=Decimal("0.10"), currency="USD")
    make_attempt(lead, **call, duration=120, cost=Decimal("0.20"), currency="USD")
    make_attempt(lead, **call, cost=Decimal("5"), currency="PLN")
    figures = overview()["attempts"]
    row = next(row for row in figures["by_channel"] if row["channel"] == "CALL")
    assert (row["average_duration"], row["average_cost"], row["cost"]) == (90, Decimal("0.15"), Decimal("0.30"))
    assert figures["other_costs"] == [{"currency": "PLN", "cost": Decimal(5)}]


def test_only_confirmed_money_in_the_reporting_currency_is_revenue(overview):
    lead = make_lead()
    for amount in ("19.10", "0.10", "0.20"):
        make_conversion(lead, revenue=Decimal(amount), created_at=INSIDE)
    make_conversion(lead, revenue=Decimal(70), currency="EUR", created_at=INSIDE)
    make_conversion(lead, revenue=Decimal(500), standing="pending", created_at=INSIDE)
    make_conversion(lead, revenue=Decimal(0), standing="rejected", created_at=INSIDE)
    make_conversion(lead, revenue=Decimal(7), created_at=BEFORE)
    money = overview()["conversions"]
    assert (money["confirmed"], money["pending"], money["rejected"]) == (4, 1, 1)
    assert money["revenue"] == Decimal("19.4000")
    assert money["other_currencies"] == [{"currency": "EUR", "count": 1, "revenue": Decimal(70)}]
    assert money["before"]["revenue"] == Decimal(7)
    assert sum(row["revenue"] for row in money["by_day"]) == money["revenue"]


def test_leads_are_counted_by_status_and_source_without_deleted_ones(overview, now):
    make_lead(status="CONVERTED", source="CRM", created_at=INSIDE)
    make_leads(2, source="API", created_at=BEFORE)
    make_lead(source="API", deleted_at=now)
    leads = overview()["leads"]
    assert leads["total"] == 3
    assert leads["by_status"]["CONVERTED"] == 1
    assert leads["by_source"] == {"API": 2, "CRM": 1}
    assert (leads["created"], leads["created_before"]) == (1, 2)


def test_what_is_due_and_held_is_told_with_its_reason(overview, now):
    make_execution(scheduled_at=now - timedelta(hours=1))
    make_execution(scheduled_at=now, held_reason="daily_cap", due_at=now + timedelta(days=2))
    make_execution(make_enrollment(), scheduled_at=now, status="SKIPPED", reason="no_address", executed_at=INSIDE)
    figures = overview()
    assert figures["due"] == {"today": 1, "overdue": 1, "held": 1, "in_flight": 0}
    assert [(row["kind"], row["reason"], row["count"]) for row in figures["reasons"]] == [
        ("held", "daily_cap", 1),
        ("skipped", "no_address", 1),
    ]


def test_days_are_those_of_the_organisation(now, settings):
    settings.TIME_ZONE = "America/New_York"
    make_attempt(status="SENT", started_at=datetime(2026, 3, 11, 3, tzinfo=UTC))  # still the 10th in New York
    by_day = reports.overview(LAST, LAST, now=now)["attempts"]["by_day"]
    assert [row["total"] for row in by_day] == [1]


def test_the_answer_is_kept_for_a_minute_under_the_seeds_key(overview):
    assert overview()["leads"]["total"] == 0
    make_lead()
    assert overview()["leads"]["total"] == 0
    cache.delete("overview:2026-03-01:2026-03-10")
    assert overview()["leads"]["total"] == 1


def test_the_number_of_queries_does_not_depend_on_the_rows(overview):
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as seen:
            overview()
        reading = [query["sql"] for query in seen if query["sql"].startswith("SELECT")]
        return len([sql for sql in reading if '"cache"' not in sql])

    empty = queries()
    for lead in make_leads(5):
        make_attempt(lead, status="FAILED", reason="bounced", started_at=INSIDE)
        make_conversion(lead, created_at=INSIDE)
    assert queries() == empty <= 9


def test_the_api_answers_in_plain_camel_case(api):
    make_attempt(make_lead(created_at=INSIDE), status="SENT", started_at=INSIDE)
    answer = api("viewer").get("/api/reports/overview", {"dateFrom": "2026-03-01", "dateTo": "2026-03-10"})
    assert answer.status_code == 200
    figures = answer.json()
    assert (figures["dateFrom"], figures["dateTo"], figures["currency"]) == ("2026-03-01", "2026-03-10", "USD")
    assert figures["attempts"]["byChannel"][0]["channel"] == "EMAIL"
    assert figures["attempts"]["byChannel"][0]["byStatus"]["SENT"] == 1
    assert figures["attempts"]["successRate"]["tooFewToJudge"] is True
    assert figures["conversions"]["otherCurrencies"] == []
    assert figures["leads"]["byStatus"]["DO_NOT_CONTACT"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"dateFrom": "yesterday"},
        {"dateTo": "2026-13-01"},
        {"dateFrom": "2026-03-02", "dateTo": "2026-03-01"},
        {"dateFrom": "2020-01-01", "dateTo": "2026-01-01"},
        {"dateFrom": "0001-01-01", "dateTo": "0001-01-02"},
    ],
)
def test_a_malformed_period_is_one_clear_problem(api, as_viewer, asked):
    answer = api("viewer").get("/api/reports/overview", asked)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["errors"][0]["field"] in {"dateFrom", "dateTo"}
    page = as_viewer.get("/reports/", asked)
    assert page.status_code == 422
    assert b"This period cannot be shown" in page.content


def test_the_period_before_is_as_long_and_ends_the_day_before(settings):
    period = Period(date(2026, 3, 1), date(2026, 3, 10), datetime.now(UTC).tzinfo)
    assert (period.before.first, period.before.last) == (date(2026, 2, 19), date(2026, 2, 28))
    assert period.in_words == "1 to 10 Mar 2026"
    assert period.before.in_words == "19 to 28 Feb 2026"


def test_a_blank_period_is_the_last_thirty_days():
    period = period_of("", "", today=date(2026, 3, 10), zone=None)
    assert (period.first, period.last) == (date(2026, 2, 9), date(2026, 3, 10))
    with pytest.raises(BadPeriod, match="YYYY-MM-DD"):
        period_of("2026-3-1", "", today=date(2026, 3, 10), zone=None)


def test_the_report_page_shows_its_figures_and_tables(as_viewer):
    lead = make_lead()
    for _ in range(40):
        make_attempt(lead, status="SUCCESS", started_at=INSIDE)
    make_conversion(lead, created_at=INSIDE, revenue=Decimal("129.50"))
    page = as_viewer.get("/reports/", {"dateFrom": "2026-03-01", "dateTo": "2026-03-10"}).content.decode()
    assert "40 of 40, 100 %" in page
    assert "$129.50" in page
    assert page.count("Show as table") == 2
