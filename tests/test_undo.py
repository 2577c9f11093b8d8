"""What can be taken back says so in its message: a plain form, which works without JavaScript."""

import re

import pytest
from django.test import Client

from campaigns.models import CampaignLead
from leads.models import Lead
from retention_center.models import AuditEvent
from tests.builders import make_campaign, make_enrollment, make_lead, make_leads, make_script, make_sequence

pytestmark = pytest.mark.django_db
FORM = re.compile(r'<p>([^<]*)</p>\s*<form method="post" action="([^"]+)">(.*?)</form>', re.DOTALL)
FIELD = re.compile(r'name="(?!csrf)([^"]+)" value="([^"]*)"')


def act(client: Client, address: str, **fields: object) -> str:
    """Do it, and go where that leads: the page."""
    return client.post(address, fields, follow=True).content.decode()


def press_undo(client: Client, page: str) -> str:
    """Send the form of the page's message: the page after it."""
    found = FORM.search(page)
    assert found, "The page's message offers no undo."
    fields: dict[str, list[str]] = {}
    for name, value in FIELD.findall(found[3]):
        fields.setdefault(name, []).append(value)
    return act(client, found[2], **fields)


def test_a_deleted_lead_is_brought_back(as_operator):
    lead = make_lead()
    page = act(as_operator, f"/leads/{lead.pk}/delete/")
    assert Lead.objects.get().deleted_at
    assert "is back" in press_undo(as_operator, page)
    assert Lead.objects.get().deleted_at is None
    assert [event.action for event in AuditEvent.objects.order_by("pk")] == ["delete", "restore"]


def test_undoing_too_late_is_refused_in_words(as_operator):
    lead = make_lead(email="a@example.com")
    page = act(as_operator, f"/leads/{lead.pk}/delete/")
    make_lead(email="a@example.com", first_name="Zoe")
    assert "Zoe" in press_undo(as_operator, page)
    assert Lead.objects.get(pk=lead.pk).deleted_at


def test_many_deleted_leads_are_brought_back_by_an_admin(as_admin):
    ids = [lead.pk for lead in make_leads(3)]
    page = act(as_admin, "/leads/bulk/", action="delete", ids=ids, sure="1")
    assert Lead.objects.deleted().count() == 3
    assert "3 leads back." in press_undo(as_admin, page)
    assert Lead.objects.present().count() == 3


def test_leads_put_into_a_campaign_are_taken_out_again(as_operator):
    campaign, before = make_campaign(), make_lead()
    CampaignLead.objects.create(campaign=campaign, lead=before)
    new = [lead.pk for lead in make_leads(2)]
    page = act(as_operator, f"/campaigns/{campaign.pk}/leads/assign/", ids=new)
    assert campaign.campaign_leads.count() == 3
    press_undo(as_operator, page)
    assert [place.lead_id for place in campaign.campaign_leads.all()] == [before.pk]


@pytest.mark.parametrize("thing", ["campaign", "sequence", "enrollment", "enrollments"])
def test_a_pause_is_taken_back_and_so_is_a_resume(as_operator, thing):
    enrollment = make_enrollment(make_sequence(1))
    row, address, fields = {
        "campaign": lambda: (one := make_campaign(), f"/campaigns/{one.pk}/move/", {"status": "PAUSED"}),
        "sequence": lambda: (enrollment.sequence, f"/sequences/{enrollment.sequence_id}/pause/", {}),
        "enrollment": lambda: (enrollment, f"/sequences/enrollments/{enrollment.pk}/pause/", {}),
        "enrollments": lambda: (
            enrollment,
            f"/sequences/{enrollment.sequence_id}/enrollments/change/",
            {"do": "pause", "ids": [enrollment.pk]},
        ),
    }[thing]()
    page = act(as_operator, address, **fields)
    for status in ("PAUSED", "ACTIVE", "PAUSED"):
        row.refresh_from_db()
        assert row.status == status
        page = press_undo(as_operator, page)


def test_an_archived_script_is_taken_out_again(as_operator):
    script = make_script()
    page = act(as_operator, f"/scripts/{script.pk}/archive/")
    press_undo(as_operator, page)
    script.refresh_from_db()
    assert script.archived_at is None


def test_what_cannot_be_taken_back_offers_no_undo(as_operator):
    lead = make_lead()
    assert not FORM.search(act(as_operator, f"/leads/{lead.pk}/stop/"))


# The list of deleted leads ----------------------------------------------------------------------------------------


def test_operators_see_who_was_deleted_and_admins_bring_them_back(as_viewer, as_operator, as_admin):
    kept, gone = make_lead(first_name="Amara"), make_lead(first_name="Nikolai")
    as_operator.post(f"/leads/{gone.pk}/delete/")
    assert as_viewer.get("/leads/deleted/").status_code == 403
    page = as_operator.get("/leads/deleted/").content.decode()
    assert "Nikolai" in page
    assert "Amara" not in page
    assert "an admin may" in page
    assert as_operator.post("/leads/deleted/restore/", {"ids": [gone.pk]}).status_code == 403
    page = as_admin.post("/leads/deleted/restore/", {"ids": [gone.pk, kept.pk]}, follow=True).content.decode()
    assert "1 lead back." in page
    assert Lead.objects.present().count() == 2


def test_whose_address_is_taken_stays_deleted_and_is_counted(as_admin):
    gone = make_lead(email="a@example.com")
    as_admin.post(f"/leads/{gone.pk}/delete/")
    make_lead(email="a@example.com")
    page = as_admin.post("/leads/deleted/restore/", {"ids": [gone.pk]}, follow=True).content.decode()
    assert "0 leads back. Left out: 1 whose address another lead has now." in page
    assert as_admin.post(f"/leads/{gone.pk}/restore/").status_code == 409


def test_an_erased_lead_is_not_on_the_list(as_admin):
    gone = make_lead(first_name="Nikolai")
    as_admin.post(f"/leads/{gone.pk}/erase/")
    assert "Nikolai" not in as_admin.get("/leads/deleted/").content.decode()
