"""Campaigns that take new leads by themselves: everybody new, nobody of old, nobody twice."""

from datetime import timedelta

import pytest

from campaigns import auto_assigning, changing
from campaigns.assigning import remove
from campaigns.auto_assigning import assign_new_leads
from campaigns.models import Campaign
from leads.consent import do_not_contact
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences import processor
from tests.builders import make_campaign, make_lead, make_leads

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]


@pytest.fixture
def campaign() -> Campaign:
    made = make_campaign(status="DRAFT", meta={"autoAssign": True})
    changing.move(made, "ACTIVE", SYSTEM)
    return made


def inside(campaign: Campaign) -> set[str]:
    return set(campaign.campaign_leads.values_list("lead_id", flat=True))


def tick() -> int:
    return assign_new_leads(clock.now())


def switch(campaign: Campaign, is_on: bool) -> None:
    changing.change(campaign, {"meta": campaign.meta | {"autoAssign": is_on}}, SYSTEM)


def test_new_leads_are_assigned_once_due_at_once_and_on_record(campaign):
    lead = make_lead()
    assert (tick(), tick()) == (1, 0)
    place = campaign.campaign_leads.get()
    assert (place.lead_id, place.due_at is not None) == (lead.pk, True)
    event = AuditEvent.objects.get(action="assign leads", object_id=campaign.pk)
    assert (event.actor_name, event.after["assigned"]) == (AuditEvent.objects.get(action="move").actor_name, 1)


def test_leads_from_before_it_was_active_are_not_assigned():
    old = make_lead()
    campaign = make_campaign(status="DRAFT", meta={"autoAssign": True})
    tick()
    changing.move(campaign, "ACTIVE", SYSTEM)
    new = make_lead()
    tick()
    assert inside(campaign) == {new.pk}
    assert old.pk not in inside(campaign)


def test_switching_it_on_takes_leads_from_then_on_and_off_takes_nobody():
    campaign = make_campaign()
    make_lead()
    assert tick() == 0
    switch(campaign, True)
    lead = make_lead()
    tick()
    switch(campaign, False)
    make_lead()
    tick()
    assert inside(campaign) == {lead.pk}


def test_it_catches_up_after_a_pause_and_after_an_outage(campaign, monkeypatch):
    monkeypatch.setattr(auto_assigning, "CHUNK", 2)
    tick()
    changing.move(campaign, "PAUSED", SYSTEM)
    leads = make_leads(5)
    assert tick() == 0
    changing.move(campaign, "ACTIVE", SYSTEM)
    assert assign_new_leads(clock.now() + timedelta(days=3)) == 5
    assert inside(campaign) == {lead.pk for lead in leads}


def test_a_lead_that_commits_late_is_not_missed(campaign):
    Campaign.objects.update(assigns_from=clock.now() - timedelta(hours=1))
    make_lead()
    tick()
    late = make_lead(created_at=clock.now() - timedelta(minutes=10))
    tick()
    assert late.pk in inside(campaign)


def test_people_not_to_contact_buyers_and_deleted_leads_are_left_out(campaign):
    do_not_contact(make_lead(), now=clock.now(), actor=SYSTEM)
    make_lead(status=Lead.Status.CONVERTED)
    make_lead(deleted_at=clock.now())
    assert tick() == 0


def test_whom_staff_take_out_does_not_come_back(campaign):
    lead = make_lead()
    tick()
    assert remove(campaign, [lead.pk], SYSTEM) == 1
    assert tick() == 0
    assert campaign.campaign_leads.get().reason == "removed_from_campaign"


def test_the_processor_assigns_and_contacts(campaign, now):
    make_lead()
    processor.run()
    assert campaign.campaign_leads.count() == 1


def test_the_form_switches_it(as_operator, campaign):
    page = as_operator.get(f"/campaigns/{campaign.pk}/edit/")
    form = page.context["form"]
    assert form["auto_assign"].value() is True
    sent = {"name": campaign.name, "channels": ["EMAIL"], "version": form["version"].value()}
    assert as_operator.post(f"/campaigns/{campaign.pk}/edit/", sent).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.meta["autoAssign"], campaign.assigns_from) == (False, None)
