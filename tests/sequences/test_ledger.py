"""Every step of a sequence and every place of a campaign by reason; each number opens as many rows as it counts."""

import re
from datetime import timedelta

import pytest

from campaigns import ledger as of_campaigns
from retention_center.lib import clock
from sequences import ledger
from tests.builders import (
    make_campaign,
    make_campaign_lead,
    make_enrollment,
    make_execution,
    make_lead,
    make_sequence,
)

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def rows_behind(client, href: str) -> int:
    """How many rows the list says it has."""
    text = re.sub(r"<[^>]+>", " ", client.get(href).content.decode())
    return int(next(iter(re.findall(r"([\d,]+) (?:rows?|leads?)\b", text)), "0").replace(",", ""))


@pytest.fixture
def sequence():
    now = clock.now()
    sequence = make_sequence(1)
    each = [
        *({"scheduled_at": now + day * DAY} for day in (-1, 0, 1, 1, 3, 9, 30)),
        {"held_reason": "quiet_hours", "held_until": now + 5 * HOUR},
        {"held_reason": "quiet_hours", "held_until": now + 9 * HOUR},
        {"held_reason": "late", "due_at": None},
        {"status": "SENT"},
        {"status": "SENT"},
        {"status": "SKIPPED", "reason": "suppressed"},
        {"status": "SKIPPED", "reason": "converted"},
        {"status": "FAILED", "reason": "outcome_unknown"},
    ]
    for fields in each:
        make_execution(make_enrollment(sequence), **fields)
    return sequence


def test_the_steps_of_a_sequence_add_up_and_open_their_rows(sequence, as_viewer):
    href = f"/sequences/{sequence.pk}/executions/"
    lines = ledger.of_sequence(sequence, clock.now(), href)
    assert sum(line.count for line in lines) == sequence.executions.count() == 15
    assert [rows_behind(as_viewer, line.href) for line in lines] == [line.count for line in lines]
    held = [(line.why, line.count, bool(line.note)) for line in lines if line.status == "HELD"]
    assert ("Outside the contact hours in the lead's zone", 2, True) in held
    assert any(line.why == "The lead converted (the run ended)" for line in lines)


def test_the_results_page_shows_them(sequence, as_viewer):
    page = as_viewer.get(f"/sequences/{sequence.pk}/results/").content.decode()
    assert "Planned for tomorrow" in page
    assert "Planned for later than" in page


def test_the_places_of_a_campaign_add_up_and_open_their_rows(as_viewer):
    now = clock.now()
    campaign = make_campaign()
    each = [
        {"due_at": now + DAY},
        {"due_at": now + DAY, "status": "CONTACTED"},
        {"due_at": now + 20 * DAY},
        {"held_reason": "late"},
        {"held_reason": "daily_cap", "held_until": now + HOUR, "due_at": now + HOUR},
        {"is_in_flight": True, "lease_until": now, "fence": 1},
        {},
        {"status": "COMPLETED"},
        {"status": "COMPLETED", "reason": "converted"},
    ]
    for fields in each:
        make_campaign_lead(campaign, make_lead(), **fields)
    make_campaign_lead(make_campaign(), make_lead(), due_at=now + DAY)
    href = f"/campaigns/{campaign.pk}/leads/"
    lines = of_campaigns.of_campaign(campaign, now, href)
    assert sum(line.count for line in lines) == 9
    assert [rows_behind(as_viewer, line.href) for line in lines] == [line.count for line in lines]
    assert "Planned for tomorrow" in as_viewer.get(f"/campaigns/{campaign.pk}/").content.decode()
