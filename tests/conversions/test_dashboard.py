"""Today's page: every number opens exactly its rows, and an empty house says what is missing."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from campaigns.filters import AttemptFilters
from campaigns.models import ContactAttempt
from conversions.filters import ConversionFilters
from conversions.models import Conversion
from conversions.step_list import StepFilters
from retention_center.health import beat
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences.models import SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_conversion,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_script,
    make_sequence,
)

LISTS = {
    "/attempts/": (AttemptFilters, ContactAttempt),
    "/conversions/": (ConversionFilters, Conversion),
    "/reports/steps/": (StepFilters, SequenceStepExecution),
}


@pytest.fixture
def busy(db):
    """A day with something of everything."""
    now = clock.now()
    yesterday = now - timedelta(days=1)
    sequence = make_sequence(2)
    for hours in (0, 30):
        make_execution(make_enrollment(sequence), scheduled_at=now - timedelta(hours=1) + timedelta(hours=hours))
    make_execution(make_enrollment(sequence), held_reason="no_provider", due_at=now + timedelta(days=2))
    make_execution(make_enrollment(sequence), status="SKIPPED", reason="no_address", executed_at=now, due_at=None)
    make_execution(make_enrollment(sequence), status="SKIPPED", reason="converted", executed_at=now, due_at=None)
    lead = make_lead(first_name="Tomasz", last_name="Wrona")
    make_attempt(lead, status="DELIVERED", started_at=yesterday)
    make_attempt(lead, status="BOUNCED", reason="bounced", started_at=yesterday)
    make_attempt(lead, channel="CALL", status="UNKNOWN", reason="outcome_unknown", started_at=now)
    make_attempt(
        lead, status="SUCCESS", started_at=yesterday, result={"replied": True, "reply_text": "Yes, call me after five"}
    )
    for days, amount, currency in ((1, 100, "USD"), (2, 50, "EUR"), (9, 30, "USD")):
        make_conversion(lead, revenue=amount, currency=currency, created_at=now - timedelta(days=days))
    make_conversion(lead, revenue=900, standing="pending", created_at=yesterday)
    beat("processor", sent=18, seconds=1.4, last={"sent": 18})
    return lead


def numbers_and_rows(page: str) -> list[tuple[int, int]]:
    """For every door with a plain number: the number, and how many rows stand behind it."""
    found = []
    for href, text in re.findall(r'<a class="[^"]*door[^"]*" href="([^"]+)"[^>]*>([\d,]+)</a>', page):
        parts = urlsplit(unescape(href))
        if parts.path in LISTS:
            filters, model = LISTS[parts.path]
            rows = filters(QueryDict(parts.query), queryset=model.objects.all())
            assert rows.is_valid(), rows.errors
            assert set(QueryDict(parts.query)) <= set(rows.filters), parts.query
            found.append((int(text.replace(",", "")), rows.qs.count()))
    return found


def test_every_number_opens_exactly_the_rows_that_make_it_up(as_operator, busy):
    doors = numbers_and_rows(as_operator.get("/").content.decode())
    assert len(doors) >= 10
    assert [number for number, _rows in doors] == [rows for _number, rows in doors]
    assert sum(number for number, _rows in doors) > 10


def test_the_reports_numbers_open_their_rows_too(as_operator, busy):
    doors = numbers_and_rows(as_operator.get("/reports/").content.decode())
    assert len(doors) >= 15
    assert [number for number, _rows in doors] == [rows for _number, rows in doors]


def test_the_page_costs_at_most_twelve_queries_however_much_there_is(as_operator, busy):
    with CaptureQueriesContext(connection) as few:
        as_operator.get("/")
    for _ in range(5):
        make_attempt(busy, status="FAILED", reason="bounced", started_at=clock.now())
        make_conversion(busy, created_at=clock.now() - timedelta(days=1))
        make_execution(scheduled_at=clock.now())
    with CaptureQueriesContext(connection) as many:
        as_operator.get("/")
    assert len(few) == len(many) <= 12


def test_reasons_stand_with_their_next_move(as_operator, busy):
    page = as_operator.get("/").content.decode()
    assert "No active provider for this channel" in page
    assert "Set up" in page
    assert "The mailbox does not exist or refused it" in page
    assert "The lead converted" not in page  # a run that ended well is no mishap


def test_only_confirmed_money_in_our_currency_is_the_figure(as_viewer, busy):
    page = as_viewer.get("/").content.decode()
    assert "$100.00" in page
    assert "$70 more" in page
    assert "€50.00 from 1 conversion" in page


def test_a_reply_waits_until_an_operator_deals_with_it(as_operator, as_viewer, busy):
    attempt = ContactAttempt.objects.get(result__replied=True)
    assert "Yes, call me after five" in as_viewer.get("/").content.decode()
    assert as_viewer.post(f"/reports/replies/{attempt.pk}/handled/").status_code == 403
    answer = as_operator.post(f"/reports/replies/{attempt.pk}/handled/", follow=True)
    assert "is dealt with" in answer.content.decode()
    assert "Yes, call me after five" not in as_viewer.get("/reports/replies/").content.decode()
    assert AuditEvent.objects.filter(action="handle reply", object_id=attempt.pk).count() == 1
    as_operator.post(f"/reports/replies/{attempt.pk}/handled/")
    assert AuditEvent.objects.filter(action="handle reply").count() == 1
    attempt.refresh_from_db()
    assert attempt.result["replied"] is True


def test_a_reply_of_somebody_who_opted_out_does_not_wait(as_viewer, busy):
    busy.status = "DO_NOT_CONTACT"
    busy.save()
    assert "Nobody waits for an answer" in as_viewer.get("/").content.decode()


def test_the_strip_alone_tells_whether_the_processor_runs(as_viewer, busy):
    page = as_viewer.get("/today/strip/", headers={"HX-Request": "true"}).content.decode()
    assert "Running" in page
    assert "and sent 18." in page
    assert "<h1" not in page


def test_a_fresh_installation_says_what_is_missing_and_where_to_make_it(as_operator):
    page = as_operator.get("/").content.decode()
    assert "Nothing was sent yet" in page
    assert "4 things are missing" in page
    assert "/leads/import/" in page
    make_integration("sandbox")
    make_lead()
    make_script()
    assert "1 thing is missing" in as_operator.get("/").content.decode()
    make_sequence(1)
    assert "Everything is there" in as_operator.get("/").content.decode()


def test_who_may_not_make_it_is_told_whom_to_ask(as_viewer, as_operator):
    seen = as_viewer.get("/").content.decode()
    assert "Ask an admin" in seen
    assert "Ask an operator" in seen
    assert "Import leads" not in seen
    assert "Import leads" in as_operator.get("/").content.decode()


@pytest.mark.parametrize("days", ["7", "14", "30", "9", "x", ""])
def test_any_period_asked_for_is_answered(as_viewer, busy, days):
    assert as_viewer.get("/", {"days": days}).status_code == 200


def test_steps_list_filters_by_what_stands_now(as_viewer, busy):
    page = as_viewer.get("/reports/steps/", {"state": "held"}).content.decode()
    assert "No active provider for this channel" in page
    assert "1 step" in page
    assert as_viewer.get("/reports/steps/", {"state": "nonsense"}).status_code == 200


def test_what_only_the_sandbox_took_is_marked_as_such(as_viewer):
    make_attempt(provider="sandbox", status="SENT")
    make_attempt(provider="smtp", status="SENT")
    for page in ("/", "/reports/"):
        assert "1 of them: the sandbox only pretends" in as_viewer.get(page).content.decode()
