"""Conversion rules: learned from what was sent and what came of it, with how sure they are."""

from datetime import datetime, timedelta

import pytest

from conversions.learning import learn
from conversions.models import ConversionRule
from tests.builders import make_attempt, make_conversion, make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def monday(now) -> datetime:
    """A Monday, nine o'clock, two weeks ago."""
    then = now - timedelta(days=14)
    return (then - timedelta(days=then.weekday())).replace(hour=9, minute=0)


def contacts(count: int, converted: int, at: datetime, **fields) -> None:
    for number in range(count):
        lead = make_lead(source="Fair")
        make_attempt(lead, status="DELIVERED", channel="SMS", started_at=at, **fields)
        if number < converted:
            make_conversion(lead, created_at=at + timedelta(days=1))


def test_rates_are_learned_by_channel_source_weekday_and_hour(monday, now, api):
    contacts(30, 6, monday)
    assert learn(now) == 4
    found = ConversionRule.objects.values_list("metric", "value", "conversion_rate", "sample_size")
    assert set(found) == {
        ("all", "all", 0.2, 30), ("source", "Fair", 0.2, 30), ("weekday", "MON", 0.2, 30), ("hour", "09:00", 0.2, 30)
    }  # fmt: skip
    body = api("viewer").get("/api/conversion-rules", {"metric": "source"}).json()
    rule = body["data"][0]
    assert (body["total"], rule["value"], rule["conversionRate"], rule["interval"]) == (
        1,
        "Fair",
        0.2,
        [0.0951, 0.3731],
    )
    assert rule["confidence"] == pytest.approx(0.722)
    assert api("viewer").get("/api/conversion-rules", {"metric": "moon"}).status_code == 400


def test_few_contacts_young_ones_and_those_never_sent_teach_nothing(monday, now):
    contacts(29, 29, monday)
    contacts(1, 1, now - timedelta(days=6))
    lead = make_lead(source="Fair")
    make_attempt(lead, status="FAILED", channel="SMS", started_at=monday)
    assert learn(now) == 0


def test_conversions_before_or_long_after_and_unconfirmed_ones_do_not_count(monday, now):
    contacts(30, 0, monday)
    before, late, pending = (make_lead(source="Fair") for _ in range(3))
    for lead in (before, late, pending):
        make_attempt(lead, status="SENT", channel="SMS", started_at=monday)
    make_conversion(before, created_at=monday - timedelta(hours=1))
    make_conversion(late, created_at=monday + timedelta(days=8))
    make_conversion(pending, created_at=monday + timedelta(days=1), standing="pending")
    learn(now)
    assert ConversionRule.objects.get(metric="all").conversion_rate == 0


def test_learning_again_keeps_ids_and_forgets_what_holds_no_more(monday, now):
    contacts(30, 3, monday)
    learn(now)
    first = ConversionRule.objects.get(metric="all")
    contacts(30, 27, monday)
    learn(now)
    second = ConversionRule.objects.get(metric="all")
    assert (second.pk, second.sample_size, second.conversion_rate) == (first.pk, 60, 0.5)
    assert learn(now + timedelta(days=200)) == 0
    assert not ConversionRule.objects.exists()
