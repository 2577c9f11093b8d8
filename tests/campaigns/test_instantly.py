"""E-mail that Instantly sends: steps by a script's campaign, whole campaigns by their own, against Instantly on
loopback."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from campaigns.instantly import pushing, scripts, withdrawing
from campaigns.models import Campaign, CampaignLead, ContactAttempt, ContactPolicy, Script
from integrations.models import ProviderBreaker
from leads import consent
from leads.models import Lead
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent, Job
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import (
    make_api_key,
    make_campaign,
    make_campaign_lead,
    make_integration,
    make_lead,
    make_leads,
    make_script,
    make_sequence,
)
from tests.integrations import instantly_server as stub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]


@pytest.fixture
def outside(settings: Any) -> Iterator[stub.Instantly]:
    make_integration("instantly", **stub.CONFIG)
    settings.EMAIL_URL = ""
    with stub.instantly_server() as server:
        settings.INSTANTLY_API_URL = server.url
        yield server


@pytest.fixture
def api() -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key()}")
    return client


# Steps ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def script() -> Script:
    return make_script(provider="instantly", subject="Hi {{ firstName }}", content="Dear {{ firstName }}")


def enrolled(script: Script, now: Any, times: int = 1) -> Lead:
    lead = make_lead()
    sequence = make_sequence([{"channel": "EMAIL", "script": script, "delay_value": 0} for _ in range(times)])
    enroll(sequence, [lead.pk], now=now, source="manual", actor=SYSTEM)
    return lead


def test_a_step_makes_the_scripts_campaign_once_and_adds_the_lead(
    outside: stub.Instantly, script: Script, now: Any
) -> None:
    enrolled(script, now)
    assert processor.run(now)["sent"] == 1
    attempt = ContactAttempt.objects.get()
    lead = outside.leads[str(attempt.provider_ref)]
    assert lead["payload"]["rc_subject"] == "Hi Ada"
    assert "Dear Ada" in lead["payload"]["rc_body"]
    assert lead["payload"]["rc_attempt_id"] == attempt.pk
    (campaign,) = outside.campaigns.values()
    script.refresh_from_db()
    assert (campaign["id"], campaign["status"]) == (script.instantly_campaign_id, 1)
    assert campaign["email_list"] == ["sales@example.org"]
    assert campaign["sequences"][0]["steps"][0]["variants"] == [{"subject": "{{rc_subject}}", "body": "{{rc_body}}"}]
    enrolled(script, now)
    processor.run(now)
    assert len(outside.campaigns) == 1
    assert len(outside.leads) == 2


def test_the_same_script_reaches_a_lead_once_and_the_second_step_says_why(
    outside: stub.Instantly, script: Script, now: Any
) -> None:
    enrolled(script, now, times=2)
    processor.run(now, until_idle=True)
    assert len(outside.calls("POST", "leads/add")) == 1
    steps = SequenceStepExecution.objects.order_by("step__step_order")
    assert [(step.status, step.reason) for step in steps] == [("SENT", ""), ("SKIPPED", "same_script")]


def test_even_when_it_was_removed_there_meanwhile(outside: stub.Instantly, script: Script, now: Any) -> None:
    enrolled(script, now, times=2)
    processor.run(now)
    outside.leads.clear()
    processor.run(now, until_idle=True)
    assert not outside.leads


def test_wrong_credentials_hold_the_message_and_cost_no_try(outside: stub.Instantly, script: Script, now: Any) -> None:
    make_integration("instantly", **stub.CONFIG | {"apiKey": "wrong"})
    enrolled(script, now)
    processor.run(now)
    step = SequenceStepExecution.objects.get()
    assert (step.status, step.failures, step.held_reason) == ("SCHEDULED", 0, "provider_down")
    assert "API key" in ProviderBreaker.objects.get().reason


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC"])
def test_without_a_zone_or_a_mailbox_it_waits_and_says_why(
    outside: stub.Instantly, script: Script, now: Any, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    if zone == "UTC":
        make_integration("instantly", apiKey=stub.KEY)
    enrolled(script, now)
    processor.run(now)
    step = SequenceStepExecution.objects.get()
    assert (step.status, step.failures, step.held_reason) == ("SCHEDULED", 0, "provider_refuses")
    assert ("mailbox" if zone == "UTC" else "time zone") in step.last_error
    assert not outside.asked


def test_a_lost_answer_is_found_and_the_lead_is_not_added_again(
    outside: stub.Instantly, script: Script, now: Any
) -> None:
    scripts.campaign_for(script, pushing.InstantlyApi(stub.CONFIG), stub.CONFIG)
    enrolled(script, now)
    outside.mood = "drops"
    processor.run(now)
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    outside.mood = ""
    past = clock.now() - timedelta(minutes=20)
    ContactAttempt.objects.update(called_at=past)
    SequenceStepExecution.objects.filter(status="PENDING").update(lease_until=past)
    processor.run(now)
    assert ContactAttempt.objects.get().status == "SENT"
    assert len(outside.calls("POST", "leads/add")) == 1


def test_two_who_make_a_scripts_campaign_at_once_agree_on_one(outside: stub.Instantly, script: Script) -> None:
    api = pushing.InstantlyApi(stub.CONFIG)
    Script.objects.update(instantly_campaign_id="theirs")
    assert scripts.campaign_for(script, api, stub.CONFIG) == "theirs"
    assert not outside.campaigns


def test_at_night_scripts_campaigns_get_the_hours_of_today(outside: stub.Instantly, script: Script) -> None:
    scripts.campaign_for(script, pushing.InstantlyApi(stub.CONFIG), stub.CONFIG)
    ContactPolicy.objects.update_or_create(pk=1, defaults={"contact_hours_end": "12:00"})
    assert scripts.refresh() == 1
    (campaign,) = outside.campaigns.values()
    assert campaign["campaign_schedule"]["schedules"][0]["timing"] == {"from": "08:00", "to": "12:00"}


# Whole campaigns ------------------------------------------------------------------------------------------------


@pytest.fixture
def campaign() -> Campaign:
    """Two e-mails by Instantly, two hours apart, on weekdays."""
    first, second = make_script(content="One, {{ firstName }}"), make_script(content="Two, {{ lastName }}")
    meta = {
        "instantlySync": True,
        "emailSequence": [first.pk, second.pk],
        "contactHoursStart": "09:00",
        "contactDays": ["MON", "SUN"],
        "delayBetweenChannels": 2 * 3600 * 1000,
    }
    return make_campaign(name="Winback", meta=meta)


def url(campaign: Campaign, what: str) -> str:
    return f"/api/campaigns/{campaign.pk}/instantly/{what}"


def pushed(campaign: Campaign) -> Job:
    """The push, done."""
    job = pushing.push(campaign, by=None, actor=SYSTEM)
    jobs.work_on(job.pk)
    job.refresh_from_db()
    return job


@pytest.fixture
def synced(outside: stub.Instantly, campaign: Campaign, api: APIClient) -> Campaign:
    assert api.post(url(campaign, "sync")).status_code == 200
    campaign.refresh_from_db()
    return campaign


def test_sync_makes_the_campaign_and_later_brings_it_up_to_date(
    outside: stub.Instantly, campaign: Campaign, api: APIClient
) -> None:
    answer = api.post(url(campaign, "sync"))
    (there,) = outside.campaigns.values()
    assert answer.json() == {"instantlyCampaignId": there["id"], "created": True, "isActive": True}
    campaign.refresh_from_db()
    assert campaign.meta["instantlyCampaignId"] == there["id"]
    schedule = there["campaign_schedule"]["schedules"][0]
    assert schedule["timing"] == {"from": "09:00", "to": "21:00"}
    assert [day for day, is_on in schedule["days"].items() if is_on] == ["1", "0"]
    steps = there["sequences"][0]["steps"]
    assert [(step["delay"], step["delay_unit"]) for step in steps] == [(120, "minutes"), (0, "days")]
    assert there["status"] == 1
    Campaign.objects.update(name="Autumn")
    assert api.post(url(campaign, "sync")).json()["created"] is False
    (there,) = outside.campaigns.values()
    assert there["name"].startswith("RC: Autumn")
    assert AuditEvent.objects.filter(action="sync with Instantly").count() == 2


def test_a_draft_is_made_there_and_sends_nothing(outside: stub.Instantly, campaign: Campaign, api: APIClient) -> None:
    Campaign.objects.update(status="DRAFT")
    assert api.post(url(campaign, "sync")).json()["isActive"] is False
    assert [there["status"] for there in outside.campaigns.values()] == [0]


def test_pausing_ours_pauses_theirs(outside: stub.Instantly, synced: Campaign, api: APIClient) -> None:
    api.patch(f"/api/campaigns/{synced.pk}", {"status": "PAUSED"}, format="json")
    jobs.work_on_open_jobs()
    assert [there["status"] for there in outside.campaigns.values()] == [2]


@pytest.mark.parametrize("what", ["sync", "push-leads", "pull-stats"])
def test_what_cannot_be_done_says_why(campaign: Campaign, api: APIClient, what: str) -> None:
    answer = api.post(url(campaign, what))
    assert answer.status_code == 409
    assert "Instantly" in answer.json()["detail"]
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 429, 500])
def test_errors_of_instantly_are_told_and_change_nothing(
    outside: stub.Instantly, campaign: Campaign, api: APIClient, status: int
) -> None:
    outside.fail = status
    answer = api.post(url(campaign, "sync"))
    assert answer.status_code == 409
    campaign.refresh_from_db()
    assert "instantlyCampaignId" not in campaign.meta


def test_a_campaign_deleted_there_is_not_made_again_by_itself(
    outside: stub.Instantly, synced: Campaign, api: APIClient
) -> None:
    outside.campaigns.clear()
    answer = api.post(url(synced, "sync"))
    assert (answer.status_code, "does not know" in answer.json()["detail"]) == (409, True)
    assert not outside.campaigns


def test_leads_are_pushed_once_each_with_their_own_texts(
    outside: stub.Instantly, synced: Campaign, api: APIClient, settings: Any
) -> None:
    lead = make_campaign_lead(synced).lead
    answer = api.post(url(synced, "push-leads"))
    assert answer.status_code == 202
    jobs.work_on(answer.json()["jobId"])
    (there,) = outside.leads.values()
    assert there["payload"]["rc_body_1"].startswith("<p>One, Ada")
    assert "Two, Lovelace" in there["payload"]["rc_body_2"]
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.provider, attempt.provider_ref, attempt.lead) == (
        "SENT", "instantly", there["id"], lead,
    )  # fmt: skip
    lead.refresh_from_db()
    assert (lead.status, CampaignLead.objects.get().status) == ("CONTACTED", "CONTACTED")
    assert pushed(synced).status == "DONE"
    assert len(outside.calls("POST", "leads/add")) == 1


def test_whoever_may_not_be_contacted_is_not_pushed(outside: stub.Instantly, synced: Campaign) -> None:
    for fields in ({"status": "DO_NOT_CONTACT"}, {"email": None}, {"deleted_at": clock.now()}, {"first_name": ""}):
        make_campaign_lead(synced, make_lead(**fields))
    make_campaign_lead(synced, status="COMPLETED", reason="converted", completed_at=clock.now())
    unsubscribed = make_campaign_lead(synced).lead
    consent.stop(None, str(unsubscribed.email), channel="EMAIL", source="x", now=clock.now(), actor=SYSTEM)
    job = pushed(synced)
    assert not outside.leads
    assert job.result["counts"] == {"pushed": 0, "refused": 0, "left_out": 2}


def test_a_thousand_at_a_time_and_places_in_the_answer_count(
    outside: stub.Instantly, synced: Campaign, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pushing, "AT_ONCE", 3)
    leads = make_leads(7)
    outside.blocked = {str(leads[1].email)}
    CampaignLead.objects.bulk_create(CampaignLead(campaign=synced, lead=lead) for lead in leads)
    job = pushed(synced)
    assert [len(body["leads"]) for body in outside.calls("POST", "leads/add")] == [3, 3, 1]
    assert job.result["counts"] == {"pushed": 6, "refused": 1, "left_out": 0}
    assert (job.done, job.total) == (7, 7)
    refused = ContactAttempt.objects.get(lead=leads[1])
    assert (refused.status, refused.reason, refused.was_unsent) == ("FAILED", "not_added", True)
    assert refused.result["counters"] == {"in_blocklist": 1}
    for attempt in ContactAttempt.objects.filter(status="SENT"):
        assert outside.leads[str(attempt.provider_ref)]["email"] == attempt.address
    pushed(synced)
    assert len(outside.calls("POST", "leads/add")) == 3


def test_who_is_missing_from_the_answer_is_looked_up_before_they_count_as_refused(
    outside: stub.Instantly, synced: Campaign
) -> None:
    make_campaign_lead(synced)
    outside.forget_created = True
    assert pushed(synced).result["counts"]["pushed"] == 1
    assert ContactAttempt.objects.get().provider_ref in outside.leads


def test_a_lost_answer_is_settled_by_the_next_push_and_nobody_goes_twice(
    outside: stub.Instantly, synced: Campaign
) -> None:
    make_campaign_lead(synced)
    outside.mood = "drops"
    job = pushed(synced)
    assert (job.status, "did not answer" in job.error) == ("FAILED", True)
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    outside.mood = ""
    ContactAttempt.objects.update(called_at=clock.now() - timedelta(minutes=20))
    assert pushed(synced).status == "DONE"
    assert ContactAttempt.objects.get().status == "SENT"
    assert len(outside.leads) == 1


def test_what_certainly_never_arrived_is_pushed_again(outside: stub.Instantly, synced: Campaign) -> None:
    make_campaign_lead(synced)
    outside.fail, outside.fail_path = 401, "leads/add"
    assert "API key" in pushed(synced).error
    assert ContactAttempt.objects.get().was_unsent
    outside.fail = None
    pushed(synced)
    assert list(ContactAttempt.objects.order_by("try_no").values_list("status", flat=True)) == ["FAILED", "SENT"]


def test_while_sending_is_stopped_nobody_is_pushed(synced: Campaign, api: APIClient) -> None:
    api.put("/api/pause", {"all": False, "channels": ["EMAIL"], "providers": []}, format="json")
    assert "stopped" in api.post(url(synced, "push-leads")).json()["detail"]


def test_a_push_can_be_stopped(synced: Campaign) -> None:
    job = pushing.push(synced, by=None, actor=SYSTEM)
    assert pushing.push(synced, by=None, actor=SYSTEM).pk == job.pk
    assert pushing.stop(synced, SYSTEM)
    assert not pushing.stop(synced, SYSTEM)


def test_newcomers_follow_by_themselves_once_somebody_pushed(outside: stub.Instantly, synced: Campaign) -> None:
    make_campaign_lead(synced)
    assert pushing.push_newcomers(clock.now()) == 0
    pushed(synced)
    make_campaign_lead(synced)
    assert pushing.push_newcomers(clock.now()) == 1
    jobs.work_on_open_jobs()
    assert len(outside.leads) == 2
    assert pushing.push_newcomers(clock.now()) == 0


def test_figures_are_pulled_kept_and_shown(
    outside: stub.Instantly, synced: Campaign, api: APIClient, as_operator: Any
) -> None:
    assert api.post(url(synced, "pull-stats")).json()["counts"]["sent"] == 0
    there = synced.meta["instantlyCampaignId"]
    outside.figures[there] = {
        "campaign_id": there,
        "campaign_status": 1,
        "emails_sent_count": 41,
        "reply_count_unique": 7,
    }
    answer = api.post(url(synced, "pull-stats")).json()
    assert (answer["counts"]["sent"], answer["counts"]["replied"], answer["state"]) == (41, 7, "Active")
    page = as_operator.get(f"/campaigns/{synced.pk}/").content.decode()
    assert "E-mails sent" in page
    assert "41" in page


@pytest.mark.parametrize("what", ["sync", "push", "stop", "pull"])
def test_the_buttons_do_the_same_and_are_for_operators(
    outside: stub.Instantly, synced: Campaign, as_operator: Any, as_viewer: Any, what: str
) -> None:
    address = f"/campaigns/{synced.pk}/instantly/{what}/"
    assert as_viewer.post(address).status_code == 403
    assert as_operator.post(address, follow=True).status_code == 200


def test_whoever_goes_off_is_taken_out_there(outside: stub.Instantly, synced: Campaign) -> None:
    lead = make_campaign_lead(synced).lead
    pushed(synced)
    consent.do_not_contact(lead, now=clock.now(), actor=SYSTEM)
    assert Job.objects.filter(kind=withdrawing.JOB).count() == 1
    jobs.work_on_open_jobs()
    assert not outside.leads
    assert Job.objects.get(kind=withdrawing.JOB).status == "DONE"


@pytest.mark.parametrize("status", [400, 401])
def test_where_taking_them_out_is_refused_they_are_blocked_or_staff_are_told(
    outside: stub.Instantly, synced: Campaign, status: int
) -> None:
    lead = make_campaign_lead(synced).lead
    pushed(synced)
    outside.fail, outside.fail_method = status, "DELETE"
    consent.do_not_contact(lead, now=clock.now(), actor=SYSTEM)
    jobs.work_on_open_jobs()
    job = Job.objects.get(kind=withdrawing.JOB)
    assert outside.blocked == ({lead.email} if status == 400 else set())
    assert (job.status, "by hand" in job.error) == (("DONE", False) if status == 400 else ("FAILED", True))
