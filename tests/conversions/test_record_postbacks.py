"""The sheet of Keitaro's postbacks, row by row: what each does to the conversion, its lead and its sequences."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversions import recording
from conversions.models import Conversion
from integrations import inbox
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.lib import clock
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
    make_conversion,
    make_enrollment,
    make_execution,
    make_lead,
)

pytestmark = pytest.mark.django_db
Postback = Callable[..., Any]
PENDING = ["lead", "hold", "registration", "reg", "trial", "signup", "pending"]
CONFIRMED = ["sale", "deposit", "dep", "ftd", "rebill", "upsell", "approved", "confirmed"]
REJECTED = ["rejected", "reject", "trash", "cancelled", "canceled", "declined", "refund", "chargeback"]


@pytest.fixture
def lead() -> Lead:
    return make_lead(external_id="crm-7")


@pytest.fixture
def tell(postback: Postback, lead: Lead) -> Postback:
    """Postbacks about the lead's click, one after the other: "lead 5", "sale 9.50"; answers the row."""

    def send(*statuses: str, **parameters: Any) -> Conversion:
        for each in statuses:
            status, _, payout = each.partition(" ")
            postback(status=status, payout=payout or "10", external_id="crm-7", **parameters)
        return Conversion.objects.get(sub_id="click-1", tid=parameters.get("tid", ""))

    return send


def status_of(lead: Lead) -> str:
    return Lead.objects.get(pk=lead.pk).status


def revenue() -> Decimal:
    return sum((row.revenue for row in Conversion.objects.confirmed()), Decimal(0))


@pytest.mark.parametrize("status", [*PENDING, "made_up", ""])
def test_a_pending_status_leaves_the_lead_alone(tell: Postback, lead: Lead, status: str) -> None:
    make_enrollment(lead=lead)
    row = tell(f"{status} 12.5")
    assert (row.standing, row.status, row.revenue) == ("pending", status or "lead", Decimal("12.5"))
    assert row.lead == lead
    assert status_of(lead) == "NEW"
    assert SequenceEnrollment.objects.get(lead=lead).status == "ACTIVE"
    assert revenue() == 0


@pytest.mark.parametrize("status", CONFIRMED)
def test_a_confirmed_status_converts_the_lead(tell: Postback, lead: Lead, status: str) -> None:
    row = tell(f"{status} 12.5")
    assert (row.standing, row.status) == ("confirmed", status)
    assert status_of(lead) == "CONVERTED"
    assert revenue() == Decimal("12.5")


@pytest.mark.parametrize("status", REJECTED)
def test_a_rejected_status_is_no_money(tell: Postback, lead: Lead, status: str) -> None:
    row = tell(f"{status} 12.5")
    assert (row.standing, row.status, row.revenue) == ("rejected", status, 0)
    assert status_of(lead) == "NEW"


@pytest.mark.parametrize("status", ["SALE", " Sale ", "sAlE"])
def test_case_and_spaces_do_not_matter(tell: Postback, status: str, postback: Postback) -> None:
    postback(status=status, payout="1", external_id="crm-7")
    assert Conversion.objects.get().status == "sale"


def test_a_status_nobody_told_us_about_is_kept_with_a_warning(tell: Postback) -> None:
    assert "not known" in tell("made_up").postback_data["warnings"][0]


@pytest.mark.parametrize("enrollment_status", ["ACTIVE", "PAUSED"])
def test_a_sale_ends_what_runs_and_what_is_paused(tell: Postback, lead: Lead, enrollment_status: str) -> None:
    enrollment = make_enrollment(lead=lead, status=enrollment_status)
    step = make_execution(enrollment)
    campaign_lead = make_campaign_lead(lead=lead)
    tell("sale")
    enrollment.refresh_from_db()
    assert enrollment.status == "CONVERTED"
    assert enrollment.completed_at is not None
    assert SequenceStepExecution.objects.get(pk=step.pk).status == "SKIPPED"
    campaign_lead.refresh_from_db()
    assert (campaign_lead.status, campaign_lead.reason) == ("COMPLETED", "converted")


def test_do_not_contact_is_never_overwritten(tell: Postback, lead: Lead) -> None:
    Lead.objects.filter(pk=lead.pk).update(status="DO_NOT_CONTACT")
    tell("sale 5")
    assert status_of(lead) == "DO_NOT_CONTACT"
    assert revenue() == 5
    tell("rejected")
    assert status_of(lead) == "DO_NOT_CONTACT"


@pytest.mark.parametrize(
    ("told", "standing", "status", "amount", "lead_status"),
    [
        pytest.param(["sale 5", "sale 5"], "confirmed", "sale", "5", "CONVERTED", id="the same again"),
        pytest.param(["sale 5", "sale 7"], "confirmed", "sale", "7", "CONVERTED", id="another amount"),
        pytest.param(["sale 7", "sale 5"], "confirmed", "sale", "5", "CONVERTED", id="a smaller amount"),
        pytest.param(["lead 5", "hold 7"], "pending", "hold", "7", "NEW", id="another pending amount"),
        pytest.param(["lead 5", "sale 9"], "confirmed", "sale", "9", "CONVERTED", id="an upgrade"),
        pytest.param(["lead 5", "rejected 5"], "rejected", "rejected", "0", "NEW", id="rejected before it was sold"),
        pytest.param(["sale 5", "rejected 5"], "rejected", "rejected", "0", "IN_PROGRESS", id="taken back"),
        pytest.param(["sale 5", "lead 9"], "confirmed", "sale", "5", "CONVERTED", id="a late lead"),
        pytest.param(["rejected", "lead 5"], "rejected", "rejected", "0", "NEW", id="rejected is final for a lead"),
        pytest.param(["rejected", "sale 5"], "rejected", "rejected", "0", "NEW", id="rejected is final for a sale"),
        pytest.param(["sale", "refund", "sale 5"], "rejected", "refund", "0", "IN_PROGRESS", id="final after a sale"),
        pytest.param(["reject", "trash 5"], "rejected", "reject", "0", "NEW", id="rejected twice"),
        pytest.param(["sale 5", "approved 8"], "confirmed", "approved", "8", "CONVERTED", id="another confirmed word"),
    ],
)
def test_what_arrives_for_a_known_conversion(
    tell: Postback, lead: Lead, told: list[str], standing: str, status: str, amount: str, lead_status: str
) -> None:
    row = tell(*told)
    assert (row.standing, row.status, row.revenue) == (standing, status, Decimal(amount))
    assert status_of(lead) == lead_status
    assert Conversion.objects.count() == 1


def test_of_two_amounts_the_later_received_counts_even_if_it_is_applied_first(tell: Postback, lead: Lead) -> None:
    row = tell("sale 5")
    told = recording.Told(row.source, row.dedupe_key, "sale", Decimal(7), clock.now() - timedelta(minutes=5), "USD")
    recording.record(told, clock.now())
    row.refresh_from_db()
    assert row.revenue == 5
    recording.record(replace(told, received_at=clock.now()), clock.now())
    row.refresh_from_db()
    assert row.revenue == 7


def test_the_old_amount_is_kept_in_the_history(tell: Postback) -> None:
    row = tell("lead 5", "sale 9.5", "rejected")
    told = [(entry["status"], entry["revenue"]) for entry in row.postback_data["history"]]
    assert told == [("lead", 5.0), ("sale", 9.5), ("rejected", 0.0)]


def test_taking_back_a_sale_does_not_start_the_sequences_again(tell: Postback, lead: Lead) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment)
    tell("sale", "rejected")
    enrollment.refresh_from_db()
    assert enrollment.status == "CONVERTED"


def test_a_lead_with_another_sale_stays_converted(tell: Postback, lead: Lead) -> None:
    make_conversion(lead)
    tell("sale", "rejected")
    assert status_of(lead) == "CONVERTED"


def test_a_new_tid_is_a_further_sale(tell: Postback) -> None:
    tell("sale 5", tid="t1")
    tell("rebill 7", tid="t2")
    assert Conversion.objects.count() == 2
    assert revenue() == 12


def test_without_a_subid_the_click_id_is_the_key(postback: Postback) -> None:
    postback(subid="", click_id="abc", status="lead", payout="1")
    postback(subid="", click_id="abc", status="sale", payout="2")
    row = Conversion.objects.get()
    assert (row.click_id, row.sub_id, row.revenue) == ("abc", "", 2)


def test_a_click_id_is_not_mistaken_for_a_subid(postback: Postback) -> None:
    postback(subid="", click_id="abc", status="sale", payout="1")
    postback(subid="click:abc", status="sale", payout="1")
    postback(subid="abc", status="sale", payout="1")
    assert Conversion.objects.count() == 3


# Whose it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*(f"sub_id_{number}" for number in (1, 2, 15)), "subid", "click_id"])
def test_the_attempt_we_planted_says_whose_it_is(postback: Postback, name: str) -> None:
    attempt = make_attempt(campaign=make_campaign(), channel="SMS")
    postback(**{name: attempt.pk, "status": "sale", "payout": "3"})
    row = Conversion.objects.get()
    assert (row.lead, row.campaign, row.contact_attempt, row.channel) == (
        attempt.lead,
        attempt.campaign,
        attempt,
        "SMS",
    )


def test_the_first_planted_attempt_wins(postback: Postback) -> None:
    first, second = make_attempt(), make_attempt()
    postback(sub_id_2=second.pk, sub_id_1=first.pk, click_id=second.pk, status="lead")
    assert Conversion.objects.get().contact_attempt == first


def test_an_earlier_conversion_of_the_click_says_whose_it_is(postback: Postback) -> None:
    attempt = make_attempt(campaign=make_campaign())
    postback(sub_id_1=attempt.pk, status="sale", tid="1")
    postback(status="rebill", tid="2")
    assert {row.lead for row in Conversion.objects.all()} == {attempt.lead}
    assert {row.campaign for row in Conversion.objects.all()} == {attempt.campaign}


@pytest.mark.parametrize("name", ["external_id", "click_id", "subid", "sub_id_1", "sub_id_9"])
@pytest.mark.parametrize("by", ["pk", "external_id"])
def test_the_lead_may_be_named_itself(postback: Postback, lead: Lead, name: str, by: str) -> None:
    postback(**{name: getattr(lead, by), "status": "sale"})
    assert Conversion.objects.get().lead == lead


def test_a_deleted_lead_is_not_found_by_its_external_id(postback: Postback, lead: Lead) -> None:
    Lead.objects.filter(pk=lead.pk).update(deleted_at="2026-01-01T00:00Z")
    postback(external_id="crm-7", status="sale")
    assert Conversion.objects.get().lead is None


def test_a_conversion_of_nobody_is_kept_for_staff(postback: Postback) -> None:
    postback(status="sale", payout="4")
    row = Conversion.objects.get()
    assert (row.lead, row.revenue) == (None, 4)
    event = InboundEvent.objects.get()
    assert (event.status, event.provider_ref) == ("UNMATCHED", "click-1")


def test_a_later_postback_that_names_the_lead_brings_the_earlier_ones_home(postback: Postback, lead: Lead) -> None:
    postback(status="sale", tid="1")
    postback(status="lead", tid="2", external_id="crm-7")
    assert {row.lead for row in Conversion.objects.all()} == {lead}
    assert status_of(lead) == "CONVERTED"
    assert not InboundEvent.objects.exclude(status="APPLIED").exists()


def test_the_same_conversion_may_name_its_lead_later(postback: Postback, lead: Lead) -> None:
    postback(status="sale", payout="5")
    postback(status="sale", payout="5", external_id="crm-7")
    assert Conversion.objects.get().lead == lead
    assert status_of(lead) == "CONVERTED"


def test_an_event_is_found_from_its_lead_and_forgotten_with_it(postback: Postback) -> None:
    attempt = make_attempt()
    postback(sub_id_1=attempt.pk, status="lead")
    event = InboundEvent.objects.get()
    assert (event.lead_id, event.attempt_id) == (attempt.lead_id, attempt.pk)
    InboundEvent.objects.update(facts={}, payload={}, status="REFUSED")
    event.refresh_from_db()
    inbox.replay(event, clock.now())
    event.refresh_from_db()
    assert event.status == "REFUSED"


# Any order, any number of times --------------------------------------------------------------------------------


@pytest.mark.parametrize("statuses", [("lead", "sale"), ("lead", "hold", "sale"), ("lead", "sale", "rejected")])
def test_every_order_of_statuses_ends_the_same(tell: Postback, statuses: tuple[str, ...]) -> None:
    ends = set()
    for order in itertools.permutations(statuses):
        Conversion.objects.all().delete()
        InboundEvent.objects.all().delete()
        row = tell(*(f"{status} 9" for status in order))
        ends.add((row.standing, row.status, row.revenue))
    assert len(ends) == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(told=st.lists(st.sampled_from(["lead", "registration", "sale", "approved", "refund"]), min_size=1, max_size=8))
def test_the_standing_follows_from_what_came_not_from_when(tell: Postback, lead: Lead, told: list[str]) -> None:
    Conversion.objects.all().delete()
    InboundEvent.objects.all().delete()
    Lead.objects.filter(pk=lead.pk).update(status="NEW")
    row = tell(*told)
    classes = {"lead": 0, "registration": 0, "sale": 1, "approved": 1, "refund": 2}
    assert row.standing == ["pending", "confirmed", "rejected"][max(classes[each] for each in told)]
    assert Conversion.objects.count() == 1
    is_converted = status_of(lead) == "CONVERTED"
    assert is_converted == (row.standing == "confirmed")
    assert revenue() == (10 if is_converted else 0)
