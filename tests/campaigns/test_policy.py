"""One table of facts and what they lead to."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.policy import SEND, Decision, Facts, Zones, decide
from campaigns.reasons import Effect, Reason
from campaigns.windows import Rules

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


def test_a_toll_free_number_whose_zones_never_meet_still_has_an_opening():
    narrow = Rules(hours=((9 * 60, 10 * 60),))
    facts = replace(FREE, rules=narrow, zones=Zones(("Europe/London", "Asia/Tokyo"), "phone"))
    assert decide(facts, NOON).until == datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


def test_a_contact_by_hand_is_never_late():
    assert decide(replace(FREE, due_since=None), NOON) == SEND


def test_every_reason_has_a_sentence_and_a_code_that_fits_its_column():
    assert all(reason.sentence and len(reason) <= 40 for reason in Reason)
