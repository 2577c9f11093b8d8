import pytest

from campaigns import assigning
from campaigns.models import CampaignLead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent
from tests.builders import make_campaign, make_campaign_lead, make_lead, make_leads

pytestmark = pytest.mark.django_db


def test_each_lead_is_assigned_once(now):
    campaign, leads = make_campaign(), make_leads(3)
    ids = [lead.pk for lead in leads]
    assert assigning.assign(campaign, ids[:2], now, SYSTEM) == (2, 0)
    assert assigning.assign(campaign, [*ids, ids[0], "nobody"], now, SYSTEM) == (1, 3)
    assert campaign.campaign_leads.count() == 3


def test_a_deleted_lead_is_not_assigned(now):
    campaign, lead = make_campaign(), make_lead(deleted_at=clock.now())
    assert assigning.assign(campaign, [lead.pk], now, SYSTEM) == (0, 1)


def test_assigning_costs_the_same_for_many_leads(now, django_assert_num_queries):
    campaign, ids = make_campaign(), [lead.pk for lead in make_leads(400)]
    with django_assert_num_queries(7):  # transaction, lock, look-up, insert, audit
        assigning.assign(campaign, ids, now, SYSTEM)


def test_assigning_and_removing_are_audited(now):
    campaign, lead = make_campaign(), make_lead()
    assigning.assign(campaign, [lead.pk], now, SYSTEM)
    assert assigning.remove(campaign, [lead.pk, "nobody"], SYSTEM) == 1
    assert assigning.remove(campaign, [lead.pk], SYSTEM) == 0
    assert [event.action for event in AuditEvent.objects.order_by("id")] == ["assign leads", "remove leads"]


def test_an_import_assigns_to_its_campaign_and_to_no_lost_one(now):
    campaign, lead = make_campaign(), make_lead()
    assert assigning.assign_imported(campaign.pk, [lead.pk], now) == 1
    assert assigning.assign_imported(campaign.pk, [lead.pk], now) == 0
    assert assigning.assign_imported("gone", [lead.pk], now) == 0


def test_a_lead_that_went_off_is_completed_in_every_campaign_with_its_reason(now):
    lead = make_lead()
    waiting, contacted = make_campaign_lead(lead=lead), make_campaign_lead(lead=lead, status="CONTACTED")
    done = make_campaign_lead(lead=lead, status="COMPLETED", reason="converted")
    other = make_campaign_lead()
    assert assigning.complete_for_lead([lead.pk], "opted_out", now) == 2
    reasons = dict(CampaignLead.objects.values_list("pk", "reason"))
    assert reasons == {waiting.pk: "opted_out", contacted.pk: "opted_out", done.pk: "converted", other.pk: ""}
