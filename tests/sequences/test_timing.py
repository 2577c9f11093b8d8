"""Days and weeks keep the wall clock, hours are hours, whatever the clocks do meanwhile."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequences.timing import after
from tests.clock_changes import CHANGES, Change

HOUR = timedelta(hours=1)


def wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def skipped(change: Change, local: datetime) -> bool:
    """Whether no clock in the zone ever shows this time because of that change."""
    at_change = (change.at + change.before).replace(tzinfo=None)
    return at_change <= local < at_change + change.gap


@pytest.mark.parametrize(("value", "unit", "days"), [(1, "DAYS", 1), (3, "DAYS", 3), (2, "WEEKS", 14)])
def test_over_every_change_of_clocks_days_and_weeks_keep_the_wall_clock(value, unit, days):
    for change in CHANGES:
        for minutes in (-121, -60, -31, -1, 0, 1, 29, 61, 121, 600):
            begin = change.at - timedelta(days=days) + timedelta(minutes=minutes)
            wanted = wall(begin, change.info) + timedelta(days=days)
            due = after(begin, value, unit, change.info)
            if skipped(change, wanted):
                in_the_gap = wanted - (change.at + change.before).replace(tzinfo=None)
                assert due - change.at == timedelta(seconds=wanted.second), (change, begin, in_the_gap)
            else:
                assert wall(due, change.info) == wanted, (change, begin)


def test_over_every_change_of_clocks_hours_are_hours():
    for change in CHANGES:
        begin = change.at - 5 * HOUR
        assert after(begin, 9, "HOURS", change.info) == begin + 9 * HOUR


def test_a_time_that_is_skipped_becomes_the_end_of_the_gap():
    berlin = ZoneInfo("Europe/Berlin")
    saturday = datetime(2026, 3, 28, 2, 30, tzinfo=berlin)
    assert after(saturday, 1, "DAYS", berlin) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_first_one():
    berlin = ZoneInfo("Europe/Berlin")
    saturday = datetime(2026, 10, 24, 2, 30, tzinfo=berlin)
    assert after(saturday, 1, "DAYS", berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
