"""One table of facts and what they lead to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import wording
from campaigns.policy import SEND, Decision, Facts, Zones, decide, settled, snapshot
from campaigns.reasons import Effect, Reason
from campaigns.rules import longest_gap, narrowed
from campaigns.windows import DAY_CODES, Rules, is_open

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
FREE = Facts(zones=Zones(("UTC",), "field"), rules=Rules(), address="ada@example.com", provider="smtp")


def test_with_nothing_against_it_the_contact_is_made():
    assert decide(FREE, NOON) == SEND


@pytest.mark.parametrize(
    ("changed", "reason", "effect"),
    [
        ({"lead_is_deleted": True}, Reason.DELETED, Effect.STOP),
        ({"lead_opted_out": True}, Reason.DO_NOT_CONTACT, Effect.STOP),
        ({"lead_converted": True}, Reason.CONVERTED, Effect.STOP),
        ({"ended_because": Reason.SEQUENCE_ARCHIVED}, Reason.SEQUENCE_ARCHIVED, Effect.STOP),
        ({"enrollment_is_paused": True}, Reason.ENROLLMENT_PAUSED, Effect.HOLD),
        ({"step_is_on": False}, Reason.STEP_OFF, Effect.SKIP),
        ({"has_script": False}, Reason.NO_SCRIPT, Effect.SKIP),
        ({"address": None}, Reason.NO_ADDRESS, Effect.SKIP),
        ({"is_suppressed": True}, Reason.SUPPRESSED, Effect.SKIP),
        ({"is_stopped": True}, Reason.SENDING_PAUSED, Effect.HOLD),
        ({"owner_runs": False}, Reason.SEQUENCE_PAUSED, Effect.HOLD),
        ({"due_since": NOON - timedelta(hours=25)}, Reason.LATE, Effect.HOLD),
        ({"provider": None}, Reason.NO_PROVIDER, Effect.HOLD),
        ({"zones": Zones(("Asia/Tokyo",), "phone")}, Reason.QUIET_HOURS, Effect.HOLD),
        ({"contacts": (NOON - timedelta(hours=1),) * 3}, Reason.DAILY_CAP, Effect.HOLD),
    ],
)
def test_each_rule_alone_speaks_with_its_own_reason(changed, reason, effect):
    decision = decide(replace(FREE, **changed), NOON)
    assert (decision.reason, decision.effect) == (reason, effect)


def test_being_over_says_more_than_being_held():
    facts = replace(FREE, lead_opted_out=True, provider=None, zones=Zones(("Asia/Tokyo",), "phone"))
    assert decide(facts, NOON).reason == Reason.DO_NOT_CONTACT


def test_a_cap_is_counted_on_the_leads_own_date():
    facts = replace(FREE, zones=Zones(("Pacific/Auckland",), "field"), contacts=(NOON - timedelta(hours=14),) * 3)
    morning = NOON + timedelta(hours=9)  # 10:00 on the next day in Auckland
    assert decide(facts, morning) == SEND


def test_at_the_cap_the_contact_waits_for_the_next_days_opening():
    facts = replace(FREE, contacts=(NOON,) * 3)
    assert decide(facts, NOON) == Decision(Reason.DAILY_CAP, until=datetime(2026, 3, 12, 8, 0, tzinfo=UTC))


def test_a_gap_that_ends_at_night_waits_for_the_morning():
    facts = replace(FREE, rules=Rules(gap=timedelta(hours=10)), contacts=(NOON,))
    decision = decide(facts, NOON + timedelta(hours=1))
    assert decision == Decision(Reason.CHANNEL_GAP, until=datetime(2026, 3, 12, 8, 0, tzinfo=UTC))


def test_a_number_whose_zones_share_no_window_is_contacted_in_the_organisations_zone_and_says_so():
    far_apart, narrow = Zones(("Europe/London", "Asia/Tokyo"), "phone"), Rules(hours=((9 * 60, 10 * 60),))
    zones = settled(far_apart, narrow, NOON, "America/New_York")
    assert zones == Zones(("America/New_York",), "organisation, the number's zones share no window")
    facts = replace(FREE, rules=narrow, zones=zones)
    assert decide(facts, NOON).until == datetime(2026, 3, 11, 13, 0, tzinfo=UTC)


def test_zones_that_share_a_window_all_count():
    together = Zones(("Europe/London", "Europe/Riga"), "phone")
    assert settled(together, Rules(), NOON, "America/New_York") is together


def test_rules_that_leave_no_time_open_hold_the_contact_and_are_asked_again():
    facts = replace(FREE, rules=Rules(hours=((8 * 60, 12 * 60), (14 * 60, 18 * 60))))
    decision = decide(facts, NOON)
    assert (decision.reason, decision.until, decision.look_again) == (
        Reason.NO_WINDOW,
        None,
        NOON + timedelta(minutes=15),
    )


def test_who_waits_for_the_same_opening_leaves_spread_over_its_first_half_hour():
    early = NOON.replace(hour=5)
    opening = NOON.replace(hour=8)
    leaves = [decide(replace(FREE, jitter=number / 10), early).until - opening for number in range(10)]
    assert leaves == [timedelta(minutes=3 * number) for number in range(10)]


def test_in_a_short_window_the_spread_ends_half_way():
    ten_minutes = Rules(hours=((8 * 60, 8 * 60 + 10),))
    facts = replace(FREE, rules=ten_minutes, jitter=0.999999)
    until = decide(facts, NOON).until
    assert until == datetime(2026, 3, 12, 8, 4, 59, tzinfo=UTC)
    assert decide(facts, until) == SEND


def test_the_spread_is_for_the_cap_too_even_where_the_window_never_closes():
    facts = replace(FREE, rules=Rules(hours=((0, 24 * 60),)), contacts=(NOON,) * 3, jitter=0.5)
    assert decide(facts, NOON) == Decision(Reason.DAILY_CAP, until=datetime(2026, 3, 12, 0, 15, tzinfo=UTC))


def test_a_gap_that_ends_inside_the_window_ends_on_its_own_minute():
    facts = replace(FREE, rules=Rules(gap=timedelta(hours=2)), contacts=(NOON,), jitter=0.5)
    assert decide(facts, NOON) == Decision(Reason.CHANNEL_GAP, until=NOON + timedelta(hours=2))


def test_a_channels_cap_counts_that_channel_alone():
    rules = Rules(cap=5, channel_cap=1)
    other_channel = replace(FREE, rules=rules, contacts=(NOON - timedelta(hours=1),) * 2)
    assert decide(other_channel, NOON) == SEND
    same = replace(other_channel, contacts_on_channel=(NOON - timedelta(hours=1),))
    assert decide(same, NOON) == Decision(Reason.CHANNEL_CAP, until=datetime(2026, 3, 12, 8, 0, tzinfo=UTC))


def test_the_snapshot_keeps_what_the_doctor_checks():
    facts = replace(FREE, rules=Rules(gap=timedelta(hours=1), channel_cap=2), contacts=(NOON - timedelta(hours=3),))
    kept = snapshot(facts, NOON)
    assert (kept["localTime"], kept["hours"], kept["days"][0]) == ("2026-03-11 12:00", [[480, 1260]], "MON")
    assert (kept["contactsToday"], kept["cap"]) == (1, 3)
    assert (kept["contactsOnChannel"], kept["channelCap"]) == (0, 2)
    assert (kept["lastContactAt"], kept["gapMs"]) == ("2026-03-11T09:00:00+00:00", 3_600_000)


minutes = st.integers(0, 24 * 60 - 1)
some_facts = st.builds(
    Facts,
    zones=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Havana"]).map(
        lambda name: Zones((name,), "field")
    ),
    rules=st.builds(
        Rules,
        hours=st.tuples(st.tuples(minutes, st.integers(1, 24 * 60))),
        days=st.sets(st.sampled_from(DAY_CODES), min_size=1).map(frozenset),
        cap=st.integers(1, 3),
        gap=st.integers(0, 40).map(lambda hours: timedelta(hours=hours)),
        channel_cap=st.none() | st.integers(1, 2),
        holidays=st.sets(st.dates(NOON.date(), NOON.date() + timedelta(days=30)), max_size=3).map(frozenset),
    ),
    address=st.just("ada@example.com"),
    provider=st.just("smtp"),
    contacts=st.lists(st.integers(0, 60 * 48), max_size=4).map(
        lambda ago: tuple(NOON - timedelta(minutes=one) for one in ago)
    ),
    contacts_on_channel=st.just(()),
    jitter=st.floats(0, 1, exclude_max=True),
)


@given(some_facts, st.booleans())
def test_a_hold_ends_when_the_contact_is_made_unless_something_else_then_speaks_against_it(facts, is_same_channel):
    if is_same_channel:
        facts = replace(facts, contacts_on_channel=facts.contacts)
    named = []
    moment = NOON
    while not (decision := decide(facts, moment)).sends:
        assert decision.until is not None
        assert decision.until > moment
        named.append(decision.reason)
        moment = decision.until
    of_the_window = {Reason.QUIET_HOURS, Reason.CONTACT_DAY, Reason.HOLIDAY}
    assert not (set(named[1:]) & of_the_window), named  # every hold ends inside the window
    assert is_open(facts.rules, facts.zones.names, moment)


def test_what_stands_under_a_channel_narrows_that_channel_alone():
    narrowings = [
        {"maxContactsPerDay": 4, "perChannel": {"SMS": {"contactHoursStart": "10:00", "maxContactsPerDay": 1}}},
        {"perChannel": {"SMS": {"maxContactsPerDay": 2, "contactDays": ["MON"], "delayBetweenChannels": 60_000}}},
    ]
    by_mail, by_sms = narrowed(Rules(cap=9), narrowings, "EMAIL"), narrowed(Rules(cap=9), narrowings, "SMS")
    assert by_mail == Rules(cap=4)
    assert by_sms == Rules(
        hours=((8 * 60, 21 * 60), (10 * 60, 24 * 60)),
        days=frozenset({"MON"}),
        cap=4,
        channel_cap=1,
        gap=timedelta(minutes=1),
    )


def test_rules_that_nobody_could_have_saved_here_are_no_rules_and_stop_no_batch():
    odd = {
        "contactHoursStart": "9am", "contactDays": "MON", "maxContactsPerDay": "2", "delayBetweenChannels": [5],
        "perChannel": {"SMS": {"maxContactsPerDay": -1, "contactHoursEnd": "12:00"}, "FAX": 7, "CALL": None},
    }  # fmt: skip
    assert narrowed(Rules(), [odd, {"perChannel": "SMS"}], "CALL") == Rules()
    assert narrowed(Rules(), [odd], "SMS").hours == ((0, 12 * 60), (8 * 60, 21 * 60))
    assert longest_gap(odd) == timedelta(0)
    assert wording.narrowing(odd) == [("SMS only", "00:00 to 12:00")]


@given(st.permutations([{"maxContactsPerDay": 2}, {"contactDays": ["MON", "TUE"]}, {"contactHoursEnd": "12:00"}]))
def test_who_narrows_first_makes_no_difference(narrowings):
    assert narrowed(Rules(), narrowings) == Rules(
        hours=((0, 12 * 60), (8 * 60, 21 * 60)), days=frozenset({"MON", "TUE"}), cap=2
    )


def test_a_contact_by_hand_is_never_late():
    assert decide(replace(FREE, due_since=None), NOON) == SEND


def test_every_reason_has_a_sentence_and_a_code_that_fits_its_column():
    assert all(reason.sentence and len(reason) <= 40 for reason in Reason)
