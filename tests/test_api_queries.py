"""Every list of the API asks the database the same number of questions, however many rows there are."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import ABTest
from conversions.models import ConversionRule
from leads.models import Suppression
from retention_center.audit import SYSTEM, record
from tests import builders
from tests.wire import Wire

pytestmark = pytest.mark.django_db
MOST = 8  # the key, the count, the rows, and what belongs to them


def furnish(number: int) -> None:
    """One row more for every list."""
    lead = builders.make_lead()
    campaign = builders.make_campaign()
    builders.make_campaign_lead(lead=lead)
    builders.make_script(campaign=campaign)
    attempt = builders.make_attempt(lead, campaign=campaign)
    builders.make_enrollment(lead=lead)
    builders.make_conversion(lead, contact_attempt=attempt, campaign=campaign)
    builders.make_inbound_event()
    builders.make_api_key("viewer")
    ABTest.objects.create(campaign=campaign, channel="EMAIL", variant_a="One", variant_b="Two")
    ConversionRule.objects.create(
        channel="SMS", metric="source", value=str(number), conversion_rate=0.1, sample_size=30, confidence=0.5
    )
    Suppression.objects.create(
        address=f"{number}@example.com", address_digest=str(number), channel="ALL", reason="staff"
    )
    record(SYSTEM, "test", lead)


def lists() -> list[str]:
    """The addresses of all lists that take pages, from the document."""
    paths = Client().get("/api/schema").json()["paths"]
    taking = [path for path, verbs in paths.items() if "{" not in path and "get" in verbs]
    return [path for path in taking if any(one["name"] == "page" for one in paths[path]["get"].get("parameters", []))]


def asked(wire: Wire) -> dict[str, int]:
    counts = {}
    for path in lists():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = wire.get(path)
        assert answer.status_code == 200, (path, answer.content)
        counts[path] = len(captured)
    return counts


def test_no_list_asks_more_for_more_rows(api):
    wire = api("admin")
    for number in range(2):
        furnish(number)
    wire.get("/api/leads")  # notes the key's use, once a minute
    few = asked(wire)
    assert len(few) >= 13
    for number in range(2, 8):
        furnish(number)
    assert asked(wire) == few
    assert max(few.values()) <= MOST, few
