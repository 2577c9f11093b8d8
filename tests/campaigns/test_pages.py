"""Every page opens for those who may, in few queries, and acts as its button says."""

import pytest

from campaigns import sending
from campaigns.bulk import run_job
from campaigns.models import Campaign, CampaignLead, ContactPolicy, Script
from campaigns.views import campaign_leads
from retention_center.jobs import Progress
from retention_center.models import AuditEvent, Job
from tests.builders import (
    make_attempt,
    make_campaign,
    make_campaign_lead,
    make_conversion,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
)

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def world():
    campaign = make_campaign(name="Spring", meta={"contactHoursEnd": "20:00", "contactDays": ["MON", "TUE", "WED"]})
    script = make_sequence(2).steps.first().script
    lead = make_lead()
    make_campaign_lead(campaign, lead)
    for lead_ in make_leads(30):
        make_campaign_lead(campaign, lead_)
        make_attempt(lead_, campaign=campaign, script=script, message={"text": "Hi"})
    make_conversion(lead, campaign=campaign)
    for _ in range(30):
        make_script(campaign=campaign)
        make_campaign()
    snapshot = {"localTime": "2026-03-11 10:00", "zone": "Europe/Riga", "zoneSource": "phone", "hours": [[480, 1260]]}
    attempt = make_attempt(
        lead,
        campaign=campaign,
        script=script,
        message={"subject": "Hi Ada", "text": "Hello", "html": "<p>Hello</p>"},
        policy_snapshot=snapshot | {"days": ["MON"], "contactsToday": 1, "cap": 3, "gapMs": 3_600_000},
        reason="bounced",
        result={"bounced": True},
    )
    return {"campaign": campaign.pk, "script": script.pk, "attempt": attempt.pk, "lead": lead.pk}


PAGES = (
    "/campaigns/",
    "/campaigns/new/",
    "/campaigns/{campaign}/",
    "/campaigns/{campaign}/edit/",
    "/campaigns/{campaign}/leads/",
    "/campaigns/{campaign}/leads/add/",
    "/scripts/",
    "/scripts/new/",
    "/scripts/{script}/",
    "/scripts/{script}/?lead={lead}",
    "/scripts/{script}/edit/",
    "/attempts/",
    "/attempts/?leadId={lead}&campaignId={campaign}&scriptId={script}",
    "/attempts/{attempt}/",
    "/policy/",
    "/policy/edit/",
)


@pytest.mark.parametrize("address", PAGES)
def test_every_page_opens_in_few_queries(as_admin, world, django_assert_max_num_queries, address):
    with django_assert_max_num_queries(MOST_QUERIES + 2):  # the session and the person are no part of the page
        answer = as_admin.get(address.format(**world))
    assert answer.status_code == 200
    assert b'style="' not in answer.content


@pytest.mark.parametrize("address", [one for one in PAGES if not one.endswith(("new/", "edit/", "add/"))])
def test_viewers_read(as_viewer, world, address):
    assert as_viewer.get(address.format(**world)).status_code == 200


@pytest.mark.parametrize("address", [one for one in PAGES if one.endswith(("new/", "edit/", "add/"))])
def test_viewers_do_not_reach_forms(as_viewer, world, address):
    assert as_viewer.get(address.format(**world)).status_code == 403


@pytest.mark.parametrize("address", ["/campaigns/none/", "/scripts/none/", "/attempts/none/", "/campaigns/none/leads/"])
def test_what_is_not_there_is_404(as_admin, address):
    assert as_admin.get(address).status_code == 404


@pytest.mark.parametrize("query", ["status=NONSENSE", "page=-1", "sort=drop", "createdFrom=x", "cols=zzz", "size=9"])
def test_garbage_in_the_address_of_a_list_is_harmless(as_admin, query):
    for page in ("/campaigns/", "/scripts/", "/attempts/"):
        assert as_admin.get(f"{page}?{query}").status_code == 200


def test_a_list_is_exported(as_viewer, world):
    body = b"".join(as_viewer.get("/attempts/?export=csv").streaming_content).decode()
    assert len(body.splitlines()) == 32


def test_a_campaign_is_made_and_edited_by_form(as_operator):
    form = {
        "name": "Autumn",
        "channels": ["EMAIL", "SMS"],
        "contact_hours_start": "09:00",
        "contact_hours_end": "24:00",
        "contact_days": ["MON", "FRI"],
        "max_contacts_per_day": "2",
        "gap_minutes": "90",
        "start_date": "2026-09-01T08:00",
    }
    answer = as_operator.post("/campaigns/new/", form)
    campaign = Campaign.objects.get()
    assert answer.url == f"/campaigns/{campaign.pk}/"
    assert campaign.meta == {
        "contactHoursStart": "09:00",
        "contactHoursEnd": "24:00",
        "contactDays": ["MON", "FRI"],
        "maxContactsPerDay": 2,
        "delayBetweenChannels": 5_400_000,
    }
    Campaign.objects.update(meta={"vapiConfig": {"a": 1}, "contactHoursEnd": "20:00"})
    as_operator.post(f"/campaigns/{campaign.pk}/edit/", {"name": "Winter", "description": "x"})
    campaign.refresh_from_db()
    assert (campaign.name, campaign.channels, campaign.meta) == ("Winter", [], {"vapiConfig": {"a": 1}})
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == ["create", "change"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"contact_hours_start": "9am"}, "Write a time as HH:MM"),
        ({"max_contacts_per_day": "0"}, "Give a whole number from 1"),
        ({"gap_minutes": "99999999999"}, "Give a whole number"),
        ({"channels": ["FAX"]}, "FAX"),
        ({"start_date": "2026-09-02T08:00", "end_date": "2026-09-01T08:00"}, "The end must be after the start."),
    ],
)
def test_a_wrong_campaign_form_keeps_what_was_typed(as_operator, values, sentence):
    answer = as_operator.post("/campaigns/new/", {"name": "Autumn", "description": "typed"} | values)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert "typed" in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_stale_form_shows_both_values(as_operator):
    campaign = make_campaign(name="Mine")
    version = as_operator.get(f"/campaigns/{campaign.pk}/edit/").context["form"].initial["version"]
    campaign.name = "Theirs"
    campaign.save()
    answer = as_operator.post(f"/campaigns/{campaign.pk}/edit/", {"name": "Ours", "version": version})
    assert answer.status_code == 409
    assert "Theirs" in answer.content.decode()
    assert "Ours" in answer.content.decode()


def test_only_allowed_moves_can_be_made(as_operator):
    campaign = make_campaign(status="DRAFT")
    page = as_operator.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert "A draft campaign cannot." in page
    assert as_operator.post(f"/campaigns/{campaign.pk}/move/", {"status": "PAUSED"}).status_code == 409
    assert as_operator.post(f"/campaigns/{campaign.pk}/move/", {"status": "junk"}).status_code == 400
    assert as_operator.post(f"/campaigns/{campaign.pk}/move/", {"status": "ACTIVE"}).status_code == 302
    campaign.refresh_from_db()
    assert campaign.status == "ACTIVE"


def test_a_campaign_with_history_is_kept(as_operator):
    kept, gone = make_attempt(campaign=make_campaign()).campaign, make_campaign()
    assert as_operator.post(f"/campaigns/{kept.pk}/delete/").status_code == 409
    assert as_operator.post(f"/campaigns/{gone.pk}/delete/").url == "/campaigns/"
    assert list(Campaign.objects.all()) == [kept]


def test_leads_are_added_by_ticks_or_by_search_and_removed(as_operator):
    campaign = make_campaign()
    ada, bob, eve = (make_lead(first_name=name, source="API") for name in ("Ada", "Bob", "Eve"))
    as_operator.post(f"/campaigns/{campaign.pk}/leads/assign/", {"ids": [ada.pk]})
    answer = as_operator.post(
        f"/campaigns/{campaign.pk}/leads/assign/", {"all": "1", "query": "search=bob&source=API"}, follow=True
    )
    assert "1 lead added" in answer.content.decode()
    assert set(campaign.campaign_leads.values_list("lead", flat=True)) == {ada.pk, bob.pk}
    rows = CampaignLead.objects.filter(lead=ada)
    as_operator.post(f"/campaigns/{campaign.pk}/leads/remove/", {"ids": [row.pk for row in rows]})
    assert set(campaign.campaign_leads.values_list("lead", flat=True)) == {bob.pk}
    as_operator.post(f"/campaigns/{campaign.pk}/leads/remove/", {"all": "1", "query": "status=PENDING"})
    assert not campaign.campaign_leads.exists()
    assert as_operator.post(f"/campaigns/{campaign.pk}/leads/assign/", {}).status_code == 302
    assert eve.campaign_leads.count() == 0


def test_many_leads_are_added_by_a_job(as_operator, monkeypatch):
    monkeypatch.setattr(campaign_leads, "AT_ONCE", 2)
    campaign = make_campaign()
    make_leads(5)
    as_operator.post(f"/campaigns/{campaign.pk}/leads/assign/", {"all": "1", "query": ""})
    job = Job.objects.get()
    Job.objects.update(status="RUNNING")
    run_job(Progress(job))
    assert campaign.campaign_leads.count() == 5
    assert Job.objects.get().result == {"assigned": 5}


def test_a_script_is_made_by_form_and_becomes_the_default(as_operator):
    former = make_script("SMS", is_default=True)
    form = {"name": "Hello", "type": "SMS", "content": "Hi {{ firstName }}", "content_type": "text", "is_default": "on"}
    answer = as_operator.post("/scripts/new/", form)
    script = Script.objects.exclude(pk=former.pk).get()
    assert answer.url == f"/scripts/{script.pk}/"
    former.refresh_from_db()
    assert (script.is_default, former.is_default) == (True, False)


def test_an_unknown_placeholder_is_said_beside_the_text(as_operator):
    form = {"name": "Hello", "type": "SMS", "content": "Hi {{ firstname }}", "content_type": "text"}
    answer = as_operator.post("/scripts/new/", form)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'id="id_content_error"' in page
    assert "did you mean firstName?" in page
    assert not Script.objects.exists()


def test_preview_shows_what_was_typed_without_saving(as_operator):
    lead = make_lead(first_name="Zoë")
    form = {"name": "x", "type": "SMS", "content": "Hi {{ firstName }}", "content_type": "text", "lead": lead.email}
    for address, more in (("/scripts/new/", {"preview": "1"}), ("/scripts/try/", {})):
        answer = as_operator.post(address, form | more)
        assert answer.status_code == 200
        assert "Hi Zoë" in answer.content.decode()
        assert "6 characters, GSM-7, 1 segment" not in answer.content.decode()
        assert "UCS-2" in answer.content.decode()
    assert not Script.objects.exists()


def test_an_html_draft_is_shown_in_a_frame_that_can_do_nothing(as_operator, as_viewer):
    form = {"name": "x", "type": "EMAIL", "content": "<p>{{ firstName }}</p><script>1</script>", "content_type": "html"}
    page = as_operator.post("/scripts/try/", form).content.decode()
    address = page.split('src="')[1].split('"')[0]
    assert 'sandbox=""' in page
    frame = as_operator.get(address)
    assert b"<p>Ada</p>" in frame.content
    policy = frame.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert as_viewer.get(address).status_code in {403, 404}


@pytest.mark.parametrize("data", [{}, {"type": "FAX", "content": "{{"}, {"lead": "\x00", "campaign": "none"}])
def test_garbage_to_the_preview_is_answered(as_operator, data):
    assert as_operator.post("/scripts/try/", data).status_code == 200


def test_a_script_is_archived_brought_back_and_deleted_only_unused(as_operator):
    script = make_sequence(1).steps.get().script
    as_operator.post(f"/scripts/{script.pk}/archive/", follow=True)
    assert script.get_absolute_url() not in as_operator.get("/scripts/").content.decode()
    assert script.get_absolute_url() in as_operator.get("/scripts/?isArchived=true").content.decode()
    assert as_operator.post(f"/scripts/{script.pk}/delete/").status_code == 409
    as_operator.post(f"/scripts/{script.pk}/archive/", {"back": "1"})
    assert script.get_absolute_url() in as_operator.get("/scripts/").content.decode()
    assert as_operator.post(f"/scripts/{make_script().pk}/delete/").url == "/scripts/"


def test_an_attempt_shows_its_message_its_reasons_and_the_sandbox(as_viewer, world):
    page = as_viewer.get(f"/attempts/{world['attempt']}/").content.decode()
    assert "Sandbox: nothing really went out." in page
    assert "The mailbox does not exist or refused it." in page
    assert "Wed 11 Mar 2026 10:00 in Europe/Riga, from the phone number" in page
    assert "1 before this one, at most 3" in page
    html = as_viewer.get(f"/attempts/{world['attempt']}/html/")
    assert html.content == b"<p>Hello</p>"
    assert "sandbox" in html.headers["Content-Security-Policy"]


def test_admins_change_the_policy_and_others_read_it(as_admin, as_operator):
    assert "every day" in as_operator.get("/policy/").content.decode()
    form = {
        "contact_hours_start": "09:00",
        "contact_hours_end": "24:00",
        "contact_days": ["MON", "TUE"],
        "max_contacts_per_day": "2",
        "gap_minutes": "30",
        "late_after_hours": "48",
        "holiday_lines": "2026-12-25\n2026-12-26",
    }
    assert as_admin.post("/policy/edit/", form).status_code == 302
    policy = ContactPolicy.load()
    assert (policy.contact_hours_end, policy.delay_between_channels) == ("24:00", 1_800_000)
    assert policy.holidays == ["2026-12-25", "2026-12-26"]
    assert AuditEvent.objects.filter(object_type="contactpolicy").exists()
    answer = as_admin.post("/policy/edit/", form | {"holiday_lines": "Christmas", "contact_hours_start": "25:00"})
    assert answer.status_code == 422
    assert as_operator.get("/policy/edit/").status_code == 403


POLICY_FORM = {
    "contact_hours_start": "08:00",
    "contact_hours_end": "21:00",
    "contact_days": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"],
    "max_contacts_per_day": "3",
    "gap_minutes": "0",
    "late_after_hours": "24",
    "holiday_lines": "",
}


def test_a_channel_gets_narrower_rules_of_its_own(as_admin, as_viewer):
    sms = {"SMS_contact_hours_start": "10:00", "SMS_contact_days": ["MON"], "SMS_gap_minutes": "90"}
    assert as_admin.post("/policy/edit/", POLICY_FORM | sms).status_code == 302
    kept = {"SMS": {"contactHoursStart": "10:00", "contactDays": ["MON"], "delayBetweenChannels": 5_400_000}}
    assert ContactPolicy.load().per_channel == kept
    page = as_viewer.get("/policy/").content.decode()
    assert "10:00 to 24:00; Monday; 90 min after any contact" in page
    assert page.count("as above") == 3
    answer = as_admin.post("/policy/edit/", POLICY_FORM | {"CALL_contact_hours_end": "5pm", "CALL_gap_minutes": "-1"})
    assert answer.status_code == 422
    assert "Write a time as HH:MM" in answer.content.decode()
    assert "Give a whole number of minutes" in answer.content.decode()
    assert ContactPolicy.load().per_channel == kept


def test_the_policy_tells_who_narrows_it(as_viewer):
    make_campaign(name="Spring", status="ACTIVE", meta={"contactDays": ["MON"], "perChannel": {"SMS": {}}})
    make_campaign(name="Paused one", status="PAUSED", meta={"contactDays": ["MON"]})
    make_campaign(name="Plain", status="ACTIVE")
    narrow = make_sequence(1, name="Gentle")
    narrow.contact_rules = {"perChannel": {"SMS": {"maxContactsPerDay": 1}}}
    narrow.save()
    page = as_viewer.get("/policy/").content.decode()
    assert "Contact days: Monday" in page
    assert "SMS only: at most 1 a day" in page
    assert "no time is open" not in page
    assert "Paused one" not in page
    assert "Plain" not in page


def test_the_policy_warns_of_rules_that_leave_no_time_open(as_viewer):
    nights = {"contactHoursStart": "22:00", "contactHoursEnd": "23:00"}
    make_campaign(name="Nights", status="ACTIVE", meta={"perChannel": {"SMS": nights, "CALL": nights}})
    assert "no time is open for SMS, Call: what is due there waits" in as_viewer.get("/policy/").content.decode()


def test_a_campaigns_rules_of_a_channel_are_kept_in_its_meta_and_what_nobody_touched_stays_exact(as_operator):
    meta = {"delayBetweenChannels": 90_500, "custom": 1, "perChannel": {"SMS": {"delayBetweenChannels": 30_000}}}
    campaign = make_campaign(name="Spring", meta=meta)
    form = {"name": "Spring", "gap_minutes": "2", "SMS_gap_minutes": "1", "EMAIL_max_contacts_per_day": "2"}
    assert as_operator.post(f"/campaigns/{campaign.pk}/edit/", form).status_code == 302
    campaign.refresh_from_db()
    assert campaign.meta == meta | {
        "perChannel": {"SMS": {"delayBetweenChannels": 30_000}, "EMAIL": {"maxContactsPerDay": 2}}
    }


def test_stopping_asks_once_acts_and_comes_back(as_operator, as_viewer):
    asked = as_operator.post("/sending/pause/", {"next": "/campaigns/"})
    assert "Stop all sending?" in asked.content.decode()
    assert not sending.standing()
    done = as_operator.post("/sending/pause/", {"next": "/campaigns/", "confirmed": "1"})
    assert (done.url, sending.standing().all) == ("/campaigns/", True)
    assert "Resume sending" in as_operator.get("/policy/").content.decode()
    assert "Resume sending?" in as_operator.post("/sending/resume/", {"next": "//evil.example"}).content.decode()
    done = as_operator.post("/sending/resume/", {"next": "//evil.example", "confirmed": "1"})
    assert (done.url, bool(sending.standing())) == ("/", False)
    assert as_viewer.post("/sending/pause/", {"confirmed": "1"}).status_code == 403


def test_everything_wrong_with_a_script_is_said_at_once(as_operator):
    form = {"name": "", "type": "WEBHOOK", "content": "{", "content_type": "text", "subject": "{{ nobody }}"}
    page = as_operator.post("/scripts/new/", form).content.decode()
    for field in ("name", "content", "subject", "url"):
        assert f'id="id_{field}_error"' in page
    assert "4 things need another look" in page


def test_a_script_of_no_known_channel_is_only_told_about_its_channel(as_operator):
    form = {"name": "x", "type": "FAX", "content": "{{ nobody }}", "content_type": "text", "provider": "smtp"}
    answer = as_operator.post("/scripts/new/", form)
    assert answer.status_code == 422
    assert 'id="id_type_error"' in answer.content.decode()


def test_a_meta_with_rules_that_nobody_could_have_saved_here_opens_all_the_same(as_operator):
    meta = {"contactHoursStart": "9am", "delayBetweenChannels": "soon", "contactDays": 7, "perChannel": ["SMS"]}
    campaign = make_campaign(name="Odd", status="ACTIVE", meta=meta)
    for address in (campaign.get_absolute_url(), f"/campaigns/{campaign.pk}/edit/", "/policy/"):
        assert as_operator.get(address).status_code == 200
