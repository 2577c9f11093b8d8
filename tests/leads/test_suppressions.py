"""The list of addresses nobody may contact: filled by hand and from files, searched, handed out, lifted."""

import csv
import html
import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.models import CampaignLead
from leads import barring, removing, suppression
from leads.importing import addresses
from leads.importing.read import Unreadable
from leads.models import Suppression
from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent
from sequences.models import SequenceStepExecution
from tests.builders import (
    make_campaign,
    make_campaign_lead,
    make_enrollment,
    make_execution,
    make_lead,
    make_script,
    make_sequence,
)

pytestmark = pytest.mark.django_db
IMPORT, NEW, LIST = "/leads/suppressions/import/", "/leads/suppressions/new/", "/leads/suppressions/"


def bar(address, now, channel="ALL"):
    return barring.bar(address, channel=channel, reason="staff", source="staff", now=now, actor=SYSTEM)


def on_channels(*channels):
    """A lead in a sequence whose steps go by these channels; the first waits."""
    sequence = make_sequence([{"channel": channel} for channel in channels])
    enrollment = make_enrollment(sequence, make_lead())
    return make_execution(enrollment, 1)


def file(text):
    return {"file": SimpleUploadedFile("list.csv", text.encode()), "region": "US"}


def test_barring_an_address_skips_what_waits_on_its_channels_and_the_run_goes_on(now):
    step = on_channels("SMS", "CALL", "EMAIL")
    assert bar(step.lead.phone, now)[1] == 2
    statuses = SequenceStepExecution.objects.order_by("id").values_list("status", "reason", "step__channel")
    assert list(statuses) == [
        ("SKIPPED", "suppressed", "SMS"),
        ("SKIPPED", "suppressed", "CALL"),
        ("SCHEDULED", "", "EMAIL"),
    ]
    step.enrollment.refresh_from_db()
    assert step.enrollment.status == "ACTIVE"


def test_what_follows_comes_no_sooner_than_it_would_have(now):
    step = on_channels("SMS", "EMAIL")
    wanted = now.replace(year=now.year + 1)
    SequenceStepExecution.objects.update(scheduled_at=wanted, due_at=wanted)
    bar(step.lead.phone, now, "SMS")
    assert SequenceStepExecution.objects.get(status="SCHEDULED").scheduled_at >= wanted


def test_a_run_of_nothing_but_barred_steps_completes(now):
    step = on_channels("SMS", "SMS")
    assert bar(step.lead.phone, now, "SMS")[1] == 2
    step.enrollment.refresh_from_db()
    assert step.enrollment.status == "COMPLETED"


def test_a_campaign_leaves_out_the_barred_channel_too(now):
    campaign = make_campaign(channels=["SMS", "EMAIL"], status="ACTIVE")
    make_script("SMS", campaign=campaign)
    make_script("EMAIL", campaign=campaign)
    place = make_campaign_lead(campaign, make_lead())
    assert bar(place.lead.phone, now, "SMS")[1] == 1
    place = CampaignLead.objects.select_related("campaign").get()
    assert (place.done, place.next_channel, place.status) == (["SMS"], "EMAIL", "PENDING")


def test_staff_add_an_address_with_its_reason_and_are_told_what_stopped(as_operator):
    step = on_channels("EMAIL")
    given = {"address": step.lead.email.upper(), "channel": "EMAIL", "reason": "spam complaint", "note": "by phone"}
    page = as_operator.post(NEW, given, follow=True).content.decode()
    assert "1 planned contact stopped" in page
    row = Suppression.objects.get()
    assert (row.address, row.reason, row.note, row.lead) == (step.lead.email, "spam complaint", "by phone", step.lead)
    assert AuditEvent.objects.filter(action="suppress").count() == 1


def test_a_list_of_addresses_comes_in_and_says_what_it_left_out(as_operator):
    step = on_channels("SMS")
    good = f"E-mail,Phone,Channel,Note\nADA@example.com,,,old list\n,{step.lead.phone},sms,\n"
    text = f"{good}no address,,,\nx@example.com,,PIGEON,\n"
    page = as_operator.post(IMPORT, file(text)).content.decode()
    assert "2 addresses" in page
    assert "2 lines" in page
    assert "1 planned contact stopped" in page
    rows = Suppression.objects.order_by("address").values_list("address", "channel", "source", "reason", "note")
    assert set(rows) == {
        ("ada@example.com", "ALL", "import", "imported", "old list"),
        (step.lead.phone, "SMS", "import", "imported", ""),
    }
    kept = html.unescape(re.search(r'name="lines" value="([^"]*)"', page)[1])
    answer = as_operator.post("/leads/suppressions/left-out/", {"lines": kept})
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert lines[0] == ["Line", "E-mail", "Phone", "Channel", "Note", "Reason"]
    assert [line[1] for line in lines[1:]] == ["no address", "x@example.com"]
    assert "PIGEON" in lines[2][-1]


def test_the_same_list_again_changes_nothing(now):
    text = b"ada@example.com\nbob@example.com\nada@example.com\n"
    first = addresses.take_in(text, now=now, actor=SYSTEM)
    again = addresses.take_in(text, now=now, actor=SYSTEM)
    assert (first.added, first.standing) == (2, 1)
    assert (again.added, again.standing) == (0, 3)
    assert AuditEvent.objects.filter(action="suppress").count() == 2


def test_a_list_of_numbers_needs_no_header(now):
    taken = addresses.take_in(b"+12125550123\n+12125550124\n", now=now, actor=SYSTEM)
    assert (taken.lines, taken.added) == (2, 2)


@pytest.mark.parametrize("text", ["", "Email\n"])
def test_a_file_without_lines_is_refused_in_a_sentence(as_operator, text):
    answer = as_operator.post(IMPORT, file(text))
    assert answer.status_code == 422


def test_a_file_that_is_too_long_changes_nothing(now, monkeypatch):
    monkeypatch.setattr(addresses, "MOST_ROWS", 1)
    with pytest.raises(Unreadable, match="part it"):
        addresses.take_in(b"Email\na@example.com\nb@example.com\n", now=now, actor=SYSTEM)
    assert not Suppression.objects.exists()


def test_lines_that_are_no_lines_are_a_bad_request(as_operator):
    assert as_operator.post("/leads/suppressions/left-out/", {"lines": "{"}).status_code == 400


def test_viewers_neither_add_nor_import(as_viewer):
    assert as_viewer.get(IMPORT).status_code == as_viewer.get(NEW).status_code == 403


def test_only_admins_lift_and_they_say_why(as_admin, as_operator, now):
    row, _stopped = bar("ada@example.com", now)
    path = f"{LIST}{row.pk}/lift/"
    assert as_operator.post(path, {"because": "x"}).status_code == 403
    assert as_admin.post(path, {"because": ""}).status_code == 422
    assert as_admin.post(path, {"because": "They asked to come back"}).status_code == 302
    assert not Suppression.objects.standing().exists()
    assert AuditEvent.objects.get(action="lift").after == {"because": "They asked to come back"}


def test_the_page_of_lifting_says_that_the_lead_is_still_marked(as_admin, now):
    lead = make_lead(status="DO_NOT_CONTACT")
    row, _stopped = bar(lead.email, now)
    assert "stays so until" in as_admin.get(f"{LIST}{row.pk}/lift/").content.decode()


def test_the_export_holds_the_filtered_rows_harmless_and_the_erased_as_digests(as_viewer, now):
    lead = make_lead(email="zoe@example.com")
    bar("zoe@example.com", now)
    bar("bob@example.com", now, "EMAIL")
    removing.erase(lead, actor=SYSTEM, now=now)
    barring.bar("+12125550123", channel="ALL", reason="=1+1", source="staff", now=now, actor=SYSTEM)
    answer = as_viewer.get(f"{LIST}?channel=ALL&export=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["Address"] for row in rows} == {"'+12125550123", f"hmac:{suppression.digest('zoe@example.com')}"}
    assert {row["Why"] for row in rows} == {"'=1+1", "staff"}
    assert "Allow again" not in rows[0]
    assert "zoe" not in text


def test_an_erased_address_is_found_by_whoever_knows_it(as_viewer, now):
    lead = make_lead(email="zoe@example.com")
    bar("zoe@example.com", now)
    removing.erase(lead, actor=SYSTEM, now=now)
    assert "1 address" in as_viewer.get(f"{LIST}?search=Zoe@Example.com").content.decode()
    assert "erased" in as_viewer.get(f"{LIST}?search=Zoe@Example.com").content.decode()


def test_erasing_forgets_an_address_that_was_barred_before_its_lead_was_known(now):
    bar("zoe@example.com", now)
    lead = make_lead(email="zoe@example.com")
    removing.erase(lead, actor=SYSTEM, now=now)
    assert Suppression.objects.standing().get().address == ""
    assert "zoe" not in str(list(AuditEvent.objects.values()))


def test_the_api_bars_and_lifts_with_a_reason(api):
    step = on_channels("EMAIL")
    made = api("operator").post("/api/suppressions", {"address": step.lead.email, "reason": "legal demand"})
    assert (made.status_code, made.json()["leadId"]) == (201, step.lead_id)
    step.refresh_from_db()
    assert step.status == "SKIPPED"
    path = f"/api/suppressions/{made.json()['id']}"
    assert api("viewer").get(path).json()["reason"] == "legal demand"
    assert api("admin").delete(f"{path}?because=settled").status_code == 204
    assert AuditEvent.objects.get(action="lift").after == {"because": "settled"}
