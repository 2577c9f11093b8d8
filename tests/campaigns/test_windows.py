"""Contact hours on real instants: nights that wrap, several zones at once, and clocks that change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.windows import (
    DAY_CODES,
    Rules,
    at_local,
    do_meet,
    is_open,
    minutes_of,
    next_opening,
    open_for,
    why_closed,
)
from tests.clock_changes import CHANGES, changes_of

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
    assert why_closed(weekdays, ("UTC",), saturday) == "contact_day"
    assert why_closed(weekdays, ("UTC",), at("2026-02-23T12:00:00Z")) == "holiday"
    assert why_closed(weekdays, ("UTC",), at("2026-02-24T05:00:00Z")) == "quiet_hours"


def test_no_days_at_all_means_never():
    assert next_opening(Rules(days=frozenset()), ("UTC",), at("2026-02-21T12:00:00Z")) is None


def test_a_local_time_that_the_clock_skips_becomes_the_end_of_the_gap():
    berlin = ZoneInfo("Europe/Berlin")
    assert at_local(date(2026, 3, 29), minutes_of("02:30"), berlin) == at("2026-03-29T03:00:00+02:00")


def test_a_local_time_that_comes_twice_is_the_first_one():
    berlin = ZoneInfo("Europe/Berlin")
    assert at_local(date(2026, 10, 25), minutes_of("02:30"), berlin) == at("2026-10-25T02:30:00+02:00")


def test_after_midnight_a_night_belongs_to_the_day_it_began_on_even_beside_other_hours():
    friday_nights = Rules(hours=((0, 24 * 60), (minutes_of("22:00"), minutes_of("06:00"))), days=frozenset({"FRI"}))
    assert is_open(friday_nights, ("UTC",), at("2026-02-21T02:00:00Z"))  # a Saturday
    assert not is_open(friday_nights, ("UTC",), at("2026-02-20T02:00:00Z"))


def test_a_holiday_is_a_date_without_contact_also_for_the_night_that_runs_into_it():
    night = Rules(hours=((minutes_of("22:00"), minutes_of("06:00")),), holidays=frozenset({date(2026, 12, 25)}))
    assert next_opening(night, ("UTC",), at("2026-12-25T00:00:00Z")) == at("2026-12-26T00:00:00Z")
    assert why_closed(night, ("UTC",), at("2026-12-25T02:00:00Z")) == "holiday"


def test_a_holiday_is_the_leads_own_date():
    rules = Rules(holidays=frozenset({date(2026, 12, 25)}))
    in_auckland_it_is_the_26th = at("2026-12-25T20:00:00Z")
    assert is_open(rules, ("Pacific/Auckland",), in_auckland_it_is_the_26th)
    assert not is_open(rules, ("UTC",), in_auckland_it_is_the_26th)


def test_a_window_is_open_for_as_long_as_all_its_zones_are():
    opening = at("2026-02-23T08:00:00-08:00")
    both, an_hour = ("America/New_York", "America/Los_Angeles"), timedelta(hours=1)
    assert open_for(DAYTIME, both, at("2026-02-23T20:10:00-05:00"), an_hour) == timedelta(minutes=50)
    assert open_for(DAYTIME, both, opening, an_hour) == an_hour


def test_whether_zones_meet_is_a_matter_of_the_hours():
    far_apart = ("America/New_York", "Asia/Tokyo")
    assert do_meet(Rules(hours=((0, 24 * 60),)), far_apart, date(2026, 2, 23))
    assert not do_meet(Rules(hours=((9 * 60, 17 * 60),)), far_apart, date(2026, 2, 23))
    assert do_meet(Rules(days=frozenset({"SUN"})), ("Europe/London", "Europe/Riga"), date(2026, 2, 23))


def test_a_month_of_holidays_in_several_zones_is_waited_out():
    closed = frozenset(date(2026, 3, 1) + timedelta(days=number) for number in range(70))
    rules = Rules(hours=DAYTIME.hours, holidays=closed)
    zones = ("Europe/London", "Europe/Riga")
    assert next_opening(rules, zones, at("2026-03-01T12:00:00Z")) == at("2026-05-10T08:00:00+01:00")


# Every change of clocks ----------------------------------------------------------------------------------------------

AROUND = [timedelta(minutes=minutes) for minutes in (-1500, -721, -61, -31, -1, 0, 1, 29, 59, 61, 125, 719)]
NEAR_CHANGES = (  # clocks change at night: these open or close then
    Rules(hours=((minutes_of("02:30"), minutes_of("09:00")),)),
    Rules(hours=((minutes_of("22:00"), minutes_of("02:30")),)),
    Rules(hours=((minutes_of("00:30"), minutes_of("01:15")), (minutes_of("00:00"), minutes_of("24:00")))),
    Rules(hours=((minutes_of("20:00"), minutes_of("24:00")),), days=frozenset({"SAT", "SUN", "MON"})),
)


def shows_open(rules: Rules, zone: ZoneInfo, moment: datetime) -> bool:
    """The rules as a person with a clock and a calendar would read them."""
    local = moment.astimezone(zone)
    shown, today, yesterday = (
        local.strftime("%H:%M"), DAY_CODES[local.weekday()], DAY_CODES[local.weekday() - 1]
    )  # fmt: skip
    for start, end in ((f"{a // 60:02}:{a % 60:02}", f"{b // 60:02}:{b % 60:02}") for a, b in rules.hours):
        evening = start <= shown and (end <= start or shown < end)
        if not (evening and today in rules.days) and not (end <= start and shown < end and yesterday in rules.days):
            return False
    return True


@pytest.mark.parametrize("rules", NEAR_CHANGES, ids=["from 02:30", "night", "00:30 to 01:15", "weekend evenings"])
def test_around_every_change_of_clocks_an_opening_is_open_then_and_nothing_before_it_is(rules):
    for change in CHANGES:
        for apart in AROUND:
            moment = change.at + apart
            opening = next_opening(rules, (change.zone,), moment)
            assert opening is not None
            assert opening >= moment
            assert shows_open(rules, change.info, opening), (change, moment)
            if opening > moment:
                assert not shows_open(rules, change.info, moment), (change, moment)
                assert not shows_open(rules, change.info, opening - timedelta(seconds=1)), (change, moment)


ODD_ZONES = ("Europe/Berlin", "America/Havana", "Africa/Casablanca", "Australia/Lord_Howe", "Antarctica/Troll")


@pytest.mark.parametrize("zone", ODD_ZONES)
@pytest.mark.parametrize("rules", NEAR_CHANGES, ids=["from 02:30", "night", "00:30 to 01:15", "weekend evenings"])
def test_an_opening_is_the_first_open_minute_as_a_scan_finds_it(zone, rules):
    for change in changes_of(zone)[:4]:
        for apart in AROUND[1:-1:3]:
            moment = change.at + apart
            minutes = (moment + timedelta(minutes=number) for number in range(7 * 24 * 60))
            first = next(minute for minute in minutes if shows_open(rules, change.info, minute))
            assert next_opening(rules, (change.zone,), moment) == first, (change, moment)


def test_the_changes_cover_every_zone_there_is():
    known = {(change.at, change.gap) for change in CHANGES}
    assert len(known) > 100
    for zone in (*ODD_ZONES, "Pacific/Chatham", "Asia/Beirut", "America/St_Johns"):
        assert {(change.at, change.gap) for change in changes_of(zone)} <= known


clocks = st.integers(0, 24 * 60 - 1)
windows = st.tuples(clocks, st.integers(1, 24 * 60))
some_rules = st.builds(
    Rules,
    hours=st.lists(windows, min_size=1, max_size=2).map(tuple),
    days=st.sets(st.sampled_from(DAY_CODES), min_size=1).map(frozenset),
    holidays=st.sets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=5).map(frozenset),
)
some_zones = st.lists(
    st.sampled_from(["UTC", "America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Auckland", "Asia/Kolkata"]),
    min_size=1, max_size=3, unique=True,
).map(tuple)  # fmt: skip
moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(some_rules, some_zones, moments)
def test_whatever_the_rules_an_opening_is_open_in_every_zone_and_nothing_before_it_is(rules, zones, moment):
    opening = next_opening(rules, zones, moment, timedelta(days=60))
    if opening is None:
        return
    assert opening >= moment
    assert is_open(rules, zones, opening)
    if opening > moment:
        assert not is_open(rules, zones, moment)
        assert not is_open(rules, zones, opening - timedelta(seconds=1))
        assert next_opening(rules, zones, moment + (opening - moment) / 2, timedelta(days=60)) == opening
