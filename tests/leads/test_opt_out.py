import pytest

from leads import consent, removing, suppression, unsubscribe
from leads.intake import Conflict, add
from leads.models import ImportJob, ImportRow, Lead, Suppression
from retention_center.audit import SYSTEM
from retention_center.lib.states import RefusedTransition
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_conversion, make_enrollment, make_execution, make_lead

pytestmark = pytest.mark.django_db


def opt_out(lead, now, channel="SMS", source="STOP"):
    return consent.opt_out(lead, channel=channel, reason="opted_out", source=source, now=now, actor=SYSTEM)


def enrolled(**fields):
    enrollment = make_enrollment(lead=make_lead(**fields))
    make_execution(enrollment)
    return enrollment


def test_an_opt_out_bars_every_address_and_stops_every_step(now):
    enrollment = enrolled()
    lead = enrollment.lead
    assert opt_out(lead, now) == 1
    lead.refresh_from_db()
    enrollment.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert lead.meta["optOut"]["sms"] == {"at": now.isoformat(), "source": "STOP"}
    assert enrollment.status == "CANCELLED"
    assert set(Suppression.objects.values_list("address", "channel")) == {(lead.email, "ALL"), (lead.phone, "ALL")}


def test_opting_out_again_changes_nothing(now):
    lead = make_lead()
    opt_out(lead, now)
    assert opt_out(lead, now) == 0
    assert Suppression.objects.count() == 2
    assert AuditEvent.objects.filter(action="opt_out").count() == 1


def test_with_the_scope_channel_only_that_channel_is_barred(now, settings):
    settings.OPT_OUT_SCOPE = "channel"
    enrollment = enrolled()
    opt_out(enrollment.lead, now)
    enrollment.lead.refresh_from_db()
    enrollment.refresh_from_db()
    assert (enrollment.lead.status, enrollment.status) == ("NEW", "ACTIVE")
    assert list(Suppression.objects.values_list("address", "channel")) == [(enrollment.lead.phone, "SMS")]


def test_start_takes_back_what_stop_set(now):
    lead = make_lead()
    opt_out(lead, now)
    assert consent.opt_back_in(lead, channel="SMS", source="START", now=now, actor=SYSTEM)
    lead.refresh_from_db()
    assert (lead.status, lead.meta) == ("CONTACTED", {})
    assert not Suppression.objects.standing().exists()


def test_start_leaves_the_bar_while_another_opt_out_remains(now):
    lead = make_lead()
    opt_out(lead, now)
    opt_out(lead, now, channel="EMAIL", source="unsubscribe link")
    assert not consent.opt_back_in(lead, channel="SMS", source="START", now=now, actor=SYSTEM)
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert list(lead.meta["optOut"]) == ["email"]
    assert Suppression.objects.standing().count() == 2


def test_start_without_a_stop_lifts_nothing_that_staff_set(now):
    lead = make_lead()
    consent.do_not_contact(lead, now=now, actor=SYSTEM)
    assert not consent.opt_back_in(lead, channel="SMS", source="START", now=now, actor=SYSTEM)
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"


def test_a_buyer_who_starts_again_is_converted(now):
    lead = make_lead(status="CONVERTED")
    make_conversion(lead)
    opt_out(lead, now)
    consent.opt_back_in(lead, channel="SMS", source="START", now=now, actor=SYSTEM)
    lead.refresh_from_db()
    assert lead.status == "CONVERTED"


def test_staff_may_allow_contact_again(now):
    lead = make_lead()
    consent.do_not_contact(lead, now=now, actor=SYSTEM)
    assert consent.set_status(lead, "IN_PROGRESS", actor=SYSTEM, now=now) == 0
    assert lead.status == "IN_PROGRESS"
    assert not Suppression.objects.standing().exists()


def test_an_unsubscribe_link_acts_for_its_lead_only(now):
    lead, other = make_lead(), make_lead()
    token = unsubscribe.url_for(lead.pk, "attempt").rsplit("/", 1)[1]
    assert unsubscribe.unsubscribe(unsubscribe.read(token), now=now)
    lead.refresh_from_db()
    other.refresh_from_db()
    assert (lead.status, other.status) == ("DO_NOT_CONTACT", "NEW")
    assert unsubscribe.read(token + "x") is None


def test_somebody_deleted_who_opted_out_comes_back_not_to_be_contacted(now):
    lead = make_lead(email="ada@example.com")
    opt_out(lead, now)
    removing.erase(lead, actor=SYSTEM, now=now)
    back = add({"email": "ada@example.com"}, actor=SYSTEM, now=now).lead
    assert back.pk != lead.pk
    assert back.status == "DO_NOT_CONTACT"


def test_deleting_stops_every_step_and_frees_the_address(now):
    enrollment = enrolled(email="ada@example.com")
    assert removing.delete(enrollment.lead, actor=SYSTEM, now=now) == 1
    assert removing.delete(enrollment.lead, actor=SYSTEM, now=now) == 0
    assert add({"email": "ada@example.com"}, actor=SYSTEM, now=now).created


def test_a_deleted_lead_comes_back_while_its_address_is_free(now):
    lead = make_lead(email="ada@example.com")
    removing.delete(lead, actor=SYSTEM, now=now)
    assert removing.restore(lead, actor=SYSTEM, now=now).deleted_at is None
    removing.delete(lead, actor=SYSTEM, now=now)
    make_lead(email="ada@example.com")
    with pytest.raises(Conflict):
        removing.restore(lead, actor=SYSTEM, now=now)


def test_an_erased_lead_leaves_no_personal_word_behind(now):
    lead = make_lead(first_name="Zebedee", email="zebedee@example.com", meta={"plan": "gold"}, notes="Likes tea")
    attempt = make_attempt(
        lead, address=lead.email, message={"text": "Hello Zebedee"}, result={"opened": True, "transcript": "Zebedee"}
    )
    opt_out(lead, now)
    job = ImportJob.objects.create(filename="x.csv", region="US")
    ImportRow.objects.create(import_job=job, number=1, outcome="created", lead=lead, cells={"Name": "Zebedee"})
    removing.erase(lead, actor=SYSTEM, now=now)
    attempt.refresh_from_db()
    assert attempt.result == {"opened": True}
    for model in (Lead, Suppression, ImportRow, AuditEvent, type(attempt)):
        kept = str(list(model.objects.values()))
        assert "ebedee" not in kept
        assert "Likes tea" not in kept
    assert Suppression.objects.standing().count() == 2
    with pytest.raises(RefusedTransition):
        removing.restore(Lead.objects.get(), actor=SYSTEM, now=now)


def test_leads_deleted_thirty_days_ago_are_erased(now):
    old, fresh = make_lead(), make_lead()
    removing.delete(old, actor=SYSTEM, now=now - removing.KEPT_AFTER_DELETING)
    removing.delete(fresh, actor=SYSTEM, now=now)
    assert removing.erase_long_deleted(actor=SYSTEM, now=now.replace(hour=16)) == 1
    fresh.refresh_from_db()
    assert fresh.email


def test_an_address_is_suppressed_once_and_can_be_lifted(now):
    row = suppression.suppress("a@example.com", channel="ALL", reason="staff", source="staff", now=now, actor=SYSTEM)
    again = suppression.suppress("a@example.com", channel="ALL", reason="x", source="x", now=now, actor=SYSTEM)
    assert row.pk == again.pk
    standing = suppression.standing_for(["a@example.com", "b@example.com"])
    assert suppression.is_suppressed("a@example.com", "SMS", standing)
    assert not suppression.is_suppressed("b@example.com", "SMS", standing)
    assert suppression.lift(row, now=now, actor=SYSTEM)
    assert not suppression.lift(row, now=now, actor=SYSTEM)
    assert suppression.standing_for(["a@example.com"]) == set()
