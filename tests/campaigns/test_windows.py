"""Contact hours on real instants: nights that wrap, several zones at once, and clocks that change."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from campaigns.windows import Rules, at_local, minutes_of, next_opening, why_closed

DAYTIME = Rules(hours=((minutes_of("08:00"), minutes_of("21:00")),))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_inside_the_hours_the_window_is_open_now():
    noon = at("2026-02-21T12:00:00+00:00")
    assert next_opening(DAYTIME, ("UTC",), noon) == noon


def test_the_last_minute_is_inside_and_the_closing_hour_is_not():
    assert next_opening(DAYTIME, ("UTC",), at("2026-02-21T20:59:59Z")) == at("2026-02-21T20:59:59Z")
    assert next_opening(DAYTIME, ("UTC",), at("2026-02-21T21:00:00Z")) == at("2026-02-22T08:00:00Z")


def test_hours_are_the_leads_own():
    assert next_opening(DAYTIME, ("Australia/Sydney",), at("2026-02-23T12:00:00Z")) == at("2026-02-24T08:00:00+11:00")


def test_a_night_window_wraps_over_midnight():
    night = Rules(hours=((minutes_of("22:00"), minutes_of("02:00")),), days=frozenset({"FRI"}))
    assert next_opening(night, ("UTC",), at("2026-02-21T01:00:00Z")) == at("2026-02-21T01:00:00Z")  # Friday's night
    assert next_opening(night, ("UTC",), at("2026-02-21T03:00:00Z")) == at("2026-02-27T22:00:00Z")


def test_the_whole_day_may_be_open():
    always = Rules(hours=((0, 24 * 60),))
    moment = at("2026-02-21T23:59:00Z")
    assert next_opening(always, ("UTC",), moment) == moment


def test_with_several_zones_the_window_is_open_in_all_of_them():
    zones = ("America/New_York", "America/Los_Angeles")
    early = at("2026-02-23T08:30:00-05:00")  # 05:30 in Los Angeles
    assert next_opening(DAYTIME, zones, early) == at("2026-02-23T08:00:00-08:00")


def test_zones_that_never_meet_have_no_common_opening():
    narrow = Rules(hours=((minutes_of("09:00"), minutes_of("10:00")),))
    assert next_opening(narrow, ("UTC", "Asia/Tokyo"), at("2026-02-23T00:00:00Z")) is None


def test_two_hour_rules_must_both_hold():
    both = Rules(hours=((minutes_of("08:00"), minutes_of("21:00")), (minutes_of("17:00"), minutes_of("23:00"))))
    assert next_opening(both, ("UTC",), at("2026-02-23T09:00:00Z")) == at("2026-02-23T17:00:00Z")
    assert next_opening(both, ("UTC",), at("2026-02-23T22:00:00Z")) == at("2026-02-24T17:00:00Z")


def test_days_and_holidays_are_passed_over_and_say_why():
    weekdays = Rules(hours=DAYTIME.hours, days=frozenset({"MON", "TUE"}), holidays=frozenset({date(2026, 2, 23)}))
    saturday = at("2026-02-21T12:00:00Z")
    assert next_opening(weekdays, ("UTC",), saturday) == at("2026-02-24T08:00:00Z")
    assert why_closed(weekdays, "UTC", saturday) == "contact_day"
    assert why_closed(weekdays, "UTC", at("2026-02-23T12:00:00Z")) == "holiday"
    assert why_closed(weekdays, "UTC", at("2026-02-24T05:00:00Z")) == "quiet_hours"


def test_no_days_at_all_means_never():
    assert next_opening(Rules(days=frozenset()), ("UTC",), at("2026-02-21T12:00:00Z")) is None


def test_a_local_time_that_the_clock_skips_becomes_the_end_of_the_gap():
    berlin = ZoneInfo("Europe/Berlin")
    assert at_local(date(2026, 3, 29), minutes_of("02:30"), berlin) == at("2026-03-29T03:00:00+02:00")


def test_a_local_time_that_comes_twice_is_the_first_one():
    berlin = ZoneInfo("Europe/Berlin")
    assert at_local(date(2026, 10, 25), minutes_of("02:30"), berlin) == at("2026-10-25T02:30:00+02:00")


def transitions(zone: ZoneInfo) -> list[datetime]:
    """The instants, to the hour, around which the zone's clock changes in 2026 and 2027."""
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(730)]
    pairs = itertools.pairwise(hours)
    return [
        later for earlier, later in pairs if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
    ]


@pytest.mark.parametrize("first_letter", sorted({name[0] for name in available_timezones()}))
def test_around_every_change_of_clocks_an_opening_is_inside_the_hours_and_the_first_such(first_letter):
    start, end = minutes_of("02:30"), minutes_of("09:00")
    rules = Rules(hours=((start, end),))
    for name in sorted(name for name in available_timezones() if name[0] == first_letter):
        zone = ZoneInfo(name)
        for change in transitions(zone):
            for step in range(-48, 48, 5):
                moment = change + timedelta(minutes=30 * step + 7)
                opening = next_opening(rules, (name,), moment)
                assert opening is not None
                assert opening >= moment
                local = opening.astimezone(zone)
                minute = local.hour * 60 + local.minute
                assert start <= minute < end, (name, moment)
                if opening > moment:  # nothing earlier was open
                    before = (opening - timedelta(minutes=1)).astimezone(zone)
                    assert not start <= before.hour * 60 + before.minute < end, (name, moment)
