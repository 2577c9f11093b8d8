import threading

import pytest
from django.db import connection

from leads import intake
from leads.cleaning import clean
from leads.intake import Conflict, InvalidLead, Stale, add, change
from leads.merging import Outcome
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from retention_center.models import AuditEvent
from tests.builders import make_conversion, make_lead

pytestmark = pytest.mark.django_db


def let_in(now, **values):
    return add(values, actor=SYSTEM, now=now)


def test_somebody_new_is_added_with_clean_addresses(now):
    added = let_in(now, first_name="Ada", email=" ADA@Example.com ", phone="(305) 510-2323")
    lead = Lead.objects.get()
    assert added.created
    assert (lead.email, lead.phone, lead.phone_zones) == ("ada@example.com", "+13055102323", ["America/New_York"])
    assert (lead.status, lead.source) == ("NEW", "MANUAL")


def test_somebody_known_by_email_gets_blanks_filled_and_nothing_overwritten(now):
    let_in(now, first_name="Ada", email="ada@example.com")
    added = let_in(now, first_name="Augusta", last_name="King", email="ADA@example.com", phone="(305) 510-2323")
    lead = Lead.objects.get()
    assert not added.created
    assert (lead.first_name, lead.last_name, lead.phone) == ("Ada", "King", "+13055102323")
    assert set(added.filled) == {"last_name", "phone"}


def test_somebody_known_by_phone_alone_gets_their_email(now):
    let_in(now, phone="(305) 510-2323")
    assert not let_in(now, phone="305-510-2323", email="ada@example.com").created
    assert Lead.objects.get().email == "ada@example.com"


def test_a_phone_of_a_lead_with_another_email_is_a_conflict_that_names_them(now):
    let_in(now, first_name="Priya", last_name="Nair", email="priya@example.com", phone="(305) 510-2323")
    with pytest.raises(Conflict, match="belongs to Priya Nair") as conflict:
        let_in(now, email="other@example.com", phone="(305) 510-2323")
    assert conflict.value.owner == Lead.objects.get()


def test_without_any_address_nobody_is_added(now):
    with pytest.raises(InvalidLead, match="neither"):
        let_in(now, first_name="Ada")


def test_a_bad_address_is_told_with_its_field(now):
    with pytest.raises(InvalidLead) as invalid:
        let_in(now, email="ada@example.com", phone="12345")
    assert [problem.field for problem in invalid.value.problems] == ["phone"]


def test_in_a_file_a_bad_second_address_is_only_a_warning():
    row = clean({"email": "ada@example.com", "phone": "12345"}, strict=False)
    assert row.is_valid
    assert [problem.field for problem in row.problems] == ["phone"]


def test_consent_cannot_be_written_as_a_custom_field(now):
    let_in(now, email="ada@example.com", meta={"optOut": {"sms": {}}, "plan": "gold"})
    assert Lead.objects.get().meta == {"plan": "gold"}


def test_a_slice_knows_the_people_it_has_just_made(now):
    rows = [
        clean(values)
        for values in (
            {"email": "a@example.com"},
            {"email": "A@example.com", "first_name": "Ada"},
            {"email": "a@example.com"},
            {},
        )
    ]
    taken = intake.take_in(rows, now=now, actor=SYSTEM, source="API")
    assert [one.outcome for one in taken] == [Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.INVALID]
    assert Lead.objects.get().first_name == "Ada"


def test_a_slice_costs_the_same_however_long_it_is(now, django_assert_max_num_queries):
    intake.take_in([clean({"email": f"a{n}@example.com"}) for n in range(20)], now=now, actor=SYSTEM, source="API")
    rows = [clean({"email": f"a{n}@example.com", "first_name": "Ada"}) for n in range(200)]
    with django_assert_max_num_queries(9):
        intake.take_in(rows, now=now, actor=SYSTEM, source="API")


def test_everything_let_in_by_hand_is_audited(now):
    let_in(now, email="ada@example.com")
    let_in(now, email="ada@example.com", first_name="Ada")
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == ["create", "fill"]


def test_a_change_of_meta_is_looked_at_by_triggers_again(now):
    lead = make_lead()
    seen = lead.matched_at
    lead = change(lead, {"first_name": "Augusta"}, actor=SYSTEM, now=now)
    assert lead.matched_at == seen
    assert change(lead, {"meta": {"plan": "gold"}}, actor=SYSTEM, now=now).matched_at > seen


def test_a_form_opened_before_somebody_else_saved_is_stale(now):
    lead = make_lead()
    seen = lead.updated_at
    change(lead, {"first_name": "Augusta"}, actor=SYSTEM, now=now, seen=seen)
    with pytest.raises(Stale) as stale:
        change(lead, {"first_name": "Ada"}, actor=SYSTEM, now=now, seen=seen)
    assert stale.value.lead.first_name == "Augusta"


def test_changing_to_an_address_of_somebody_else_names_them(now):
    other, lead = make_lead(email="priya@example.com"), make_lead()
    with pytest.raises(Conflict) as conflict:
        change(lead, {"email": "PRIYA@example.com"}, actor=SYSTEM, now=now)
    assert (conflict.value.owner, conflict.value.field) == (other, "email")


def test_the_last_address_cannot_be_emptied(now):
    lead = make_lead(phone=None)
    with pytest.raises(InvalidLead, match="needs an e-mail"):
        change(lead, {"email": ""}, actor=SYSTEM, now=now)


def test_a_buyer_stays_converted(now):
    lead = make_lead(status=Lead.Status.CONVERTED)
    make_conversion(lead)
    with pytest.raises(RefusedTransition, match="stays Converted"):
        change(lead, {"status": "NEW"}, actor=SYSTEM, now=now)


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_moment_make_one_lead(now):
    failures = []

    def write(number):
        try:
            rows = [clean({"email": f"p{n}@example.com", "phone": f"+1212555{n:04d}"}) for n in range(100, 140)]
            rows = rows if number % 2 else rows[::-1]
            intake.take_in(rows, now=now, actor=SYSTEM, source="API")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Lead.objects.count() == 40
