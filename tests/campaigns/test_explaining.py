"""May we contact them, rule by rule: the first rule that speaks against it is always the engine's own reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.explaining import rule_by_rule, rule_in_words, speaking_against, ticks
from campaigns.policy import Facts, Zones, decide
from campaigns.reasons import Reason
from campaigns.windows import DAY_CODES, Rules

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
FREE = Facts(zones=Zones(("UTC",), "field"), rules=Rules(), address="ada@example.com", provider="smtp")
HOURS = timedelta(hours=1)

zones = st.sampled_from(
    [
        Zones(("UTC",), "field"),
        Zones(("Asia/Tokyo",), "phone"),
        Zones(("Europe/London", "Asia/Tokyo"), "phone"),
        Zones(("America/New_York", "America/Los_Angeles"), "phone"),
        Zones(("Pacific/Auckland",), "organisation"),
    ]
)
rules = st.builds(
    Rules,
    hours=st.sampled_from([((480, 1260),), ((0, 1440),), ((1200, 240),), ((480, 720), (660, 1260))]),
    days=st.sets(st.sampled_from(DAY_CODES)).map(frozenset),
    cap=st.integers(1, 3),
    gap=st.sampled_from([timedelta(0), 2 * HOURS, 30 * HOURS]),
    holidays=st.sets(st.sampled_from([NOON.date(), (NOON + timedelta(days=1)).date()])).map(frozenset),
)
moments = st.integers(-60, 60).map(lambda hours: NOON + hours * HOURS)
facts = st.builds(
    Facts,
    zones=zones,
    rules=rules,
    lead_is_deleted=st.sampled_from([False] * 5 + [True]),
    lead_opted_out=st.sampled_from([False] * 5 + [True]),
    address=st.sampled_from(["ada@example.com"] * 4 + [None]),
    is_suppressed=st.booleans(),
    conditions_hold=st.sampled_from([True] * 3 + [False]),
    step_is_on=st.sampled_from([True] * 5 + [False]),
    has_script=st.sampled_from([True] * 5 + [False]),
    is_stopped=st.booleans(),
    enrollment_is_paused=st.sampled_from([False] * 5 + [True]),
    provider=st.sampled_from(["smtp", "smtp", None]),
    provider_back_at=st.none() | moments,
    contacts=st.lists(moments, max_size=4).map(tuple),
    due_since=st.none() | moments,
)


@settings(max_examples=300)
@given(facts, moments)
def test_the_first_rule_against_a_contact_is_the_engines_reason(some_facts, at):
    decision = decide(some_facts, at)
    against = [check for check in rule_by_rule(some_facts, at) if check.status != "OK"]
    assert [check.reason for check in against][:1] == ([decision.reason] if decision.reason else [])
    assert all(check.words for check in rule_by_rule(some_facts, at))


@settings(max_examples=100)
@given(facts, moments)
def test_every_reason_is_named_once_and_taking_all_of_them_away_lets_the_contact_through(some_facts, at):
    reasons = [decision.reason for decision in speaking_against(some_facts, at)]
    assert len(reasons) == len(set(reasons)) < len(Reason)
    told = [check.reason for check in rule_by_rule(some_facts, at) if check.reason]
    assert sorted(told) == sorted(str(reason) for reason in reasons)
    assert len(ticks(some_facts, "SMS", at, NOON)) == 5


def test_with_nothing_against_it_every_rule_says_so():
    assert {check.status for check in rule_by_rule(FREE, NOON)} == {"OK"}


def words(changed: dict, rule: str) -> str:
    return next(check.words for check in rule_by_rule(replace(FREE, **changed), NOON) if check.rule == rule)


def test_rules_are_told_with_their_numbers():
    sydney = {"zones": Zones(("Australia/Sydney",), "phone")}
    assert words(sydney, "Contact hours") == "Closed: 23:00 in Sydney, from the phone number; open 08:00 to 21:00"
    assert words({"contacts": (NOON - HOURS,) * 3}, "Daily cap") == "Over the daily cap (3 of 3 on Wed)"
    gap = {"contacts": (NOON - HOURS,), "rules": Rules(gap=4 * HOURS)}
    assert words(gap, "Gap") == "Too soon: 4 h after another; the last was 1 h before"
    assert words({"rules": Rules(holidays=frozenset({NOON.date()}))}, "Holidays").startswith(
        "11 Mar is a holiday in UTC"
    )
    assert (
        words({"due_since": NOON - 25 * HOURS}, "Late rule") == "Too late: 1 day late; over 24 h would wait for staff"
    )
    assert words({}, "Late rule").startswith("Does not apply")


def test_the_rule_behind_a_hold_is_told_whatever_the_hour():
    told = rule_in_words("quiet_hours", replace(FREE, zones=Zones(("Australia/Sydney",), "field")))
    assert told == "Contact hours are 08:00 to 21:00 in Sydney, the lead's own zone"
    assert rule_in_words("daily_cap", FREE).startswith("The daily cap, 3 contacts a day")
    assert rule_in_words("late", FREE) == Reason.LATE.sentence
