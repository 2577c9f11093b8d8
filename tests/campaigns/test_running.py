from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns import changing
from campaigns.assigning import assign, remove
from campaigns.delivery import call, rounds
from campaigns.delivery.work import Report
from campaigns.models import Campaign, CampaignLead, ContactAttempt
from campaigns.running import complete_ended
from integrations.models import IntegrationConfig
from integrations.providers.base import NotSent, OutcomeUnknown
from leads.consent import opt_out
from leads.models import Lead
from retention_center import doctor
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences import processor
from tests.builders import make_campaign, make_campaign_lead, make_lead, make_leads, make_script
from tests.stub_provider import PATH, PATH_UNSEARCHABLE, StubProvider

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_an_active_campaign_past_its_end_is_completed_and_others_are_left(now):
    ended = make_campaign(end_date=now - timedelta(minutes=1))
    make_campaign(end_date=now + timedelta(minutes=1))
    make_campaign()
    make_campaign(status="PAUSED", end_date=now - timedelta(days=1))
    assert complete_ended(now) == 1
    assert complete_ended(now) == 0
    assert list(Campaign.objects.filter(status="COMPLETED")) == [ended]
    assert AuditEvent.objects.get().actor_name == "Retention Center"


# Contacts of campaigns ----------------------------------------------------------------------------------------------


@pytest.fixture
def stub(db, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True)
    yield StubProvider
    StubProvider.reset()


@pytest.fixture
def begun(stub, healthy, now):
    """An active campaign by e-mail, then by SMS an hour later, with one lead in it, the first contact due now."""
    campaign = make_campaign(channels=["EMAIL", "SMS"], meta={"delayBetweenChannels": 3_600_000})
    make_script("EMAIL", is_default=True)
    make_script("SMS", is_default=True)
    assign(campaign, [make_lead().pk], now, SYSTEM)
    return campaign


def place() -> CampaignLead:
    return CampaignLead.objects.get()


def answers(error: Exception) -> None:
    def behaviour(_message) -> None:
        raise error

    StubProvider.answer = staticmethod(behaviour)


def sent() -> list[str]:
    return [messages[0].channel for messages in StubProvider.arrived.values() if len(messages) == 1]


def test_a_lead_is_contacted_on_each_channel_in_order_and_then_done(begun, now):
    assert processor.run(now)["sent"] == 1
    assert sent() == ["EMAIL"]
    assert (place().status, place().due_at) == ("CONTACTED", now + HOUR)
    attempt = ContactAttempt.objects.get()
    assert (attempt.origin, attempt.campaign, attempt.lead.status) == ("campaign", begun, "CONTACTED")

    assert processor.run(now + HOUR / 2)["sent"] == 0
    counts = processor.run(now + HOUR, until_idle=True)
    assert (counts["sent"], counts["completed"]) == (1, 1)
    assert sent() == ["EMAIL", "SMS"]
    assert (place().status, place().reason, place().due_at) == ("COMPLETED", "", None)
    assert processor.run(now + DAY, until_idle=True)["due"] == 0


def test_the_campaigns_own_script_goes_before_the_default_one(begun, now):
    make_script("EMAIL", campaign=begun, content="Ours, {{ campaign.name }}")
    processor.run(now)
    assert ContactAttempt.objects.get().message["text"].startswith(f"Ours, {begun}")


def test_an_email_sequence_sends_its_scripts_one_after_the_other(begun, now):
    first, second = make_script(content="One"), make_script(content="Two")
    begun.meta["emailSequence"] = [first.pk, second.pk]
    begun.save()
    for hours in range(3):
        processor.run(now + hours * HOUR)
    assert sent() == ["EMAIL", "EMAIL", "SMS"]
    assert list(ContactAttempt.objects.order_by("started_at").values_list("script", flat=True))[:2] == [
        first.pk,
        second.pk,
    ]


def test_with_instantly_the_campaign_sends_no_email_itself(begun, now):
    begun.meta["instantlySync"] = True
    begun.save()
    processor.run(now)
    assert sent() == ["SMS"]
    assert place().status == "COMPLETED"


def test_a_channel_that_cannot_be_used_is_left_out_with_its_reason(begun, now):
    Lead.objects.update(email=None)
    counts = processor.run(now, until_idle=True)
    assert (counts["skipped"], counts["sent"]) == (1, 1)
    assert sent() == ["SMS"]


def test_when_no_channel_can_be_used_the_place_says_why(begun, now):
    Lead.objects.update(email=None, phone=None)
    processor.run(now, until_idle=True)
    assert (place().status, place().reason) == ("COMPLETED", "no_address")


def test_outside_the_hours_it_is_held_until_they_open(begun, now):
    at = now.replace(hour=3)
    CampaignLead.objects.update(due_at=at, scheduled_at=at)
    assert processor.run(at)["held"] == 1
    assert place().held_reason == "quiet_hours"
    assert now.replace(hour=8) <= place().due_at < now.replace(hour=8, minute=30)
    assert processor.run(now.replace(hour=8, minute=30))["sent"] == 1
    assert place().held_reason == ""


def test_what_is_too_late_waits_until_staff_make_the_campaign_active_again(begun, now):
    assert processor.run(now + 2 * DAY)["held"] == 1
    assert (place().held_reason, place().due_at) == ("late", None)
    changing.move(begun, "PAUSED", SYSTEM)
    changing.move(begun, "ACTIVE", SYSTEM, now + 2 * DAY)
    assert processor.run(now + 2 * DAY)["sent"] == 1


@pytest.mark.parametrize("status", ["DRAFT", "PAUSED", "COMPLETED"])
def test_only_active_campaigns_contact_anybody(begun, now, status):
    Campaign.objects.update(status=status)
    assert processor.run(now, until_idle=True)["due"] == 0


def test_nobody_is_contacted_before_the_start_or_after_the_end(begun, now):
    Campaign.objects.update(start_date=now + HOUR)
    assert processor.run(now)["due"] == 0
    Campaign.objects.update(start_date=None, end_date=now)
    assert processor.run(now)["due"] == 0


def test_leads_that_were_there_before_the_activation_are_due_from_it_on(stub, healthy, now):
    campaign = make_campaign(status="DRAFT", start_date=now + HOUR)
    make_script(is_default=True)
    assign(campaign, [lead.pk for lead in make_leads(3)], now, SYSTEM)
    assert not CampaignLead.objects.exclude(due_at=None).exists()
    changing.move(campaign, "ACTIVE", SYSTEM, now)
    assert set(CampaignLead.objects.values_list("due_at", flat=True)) == {now + HOUR}
    assert processor.run(now)["sent"] == 0
    assert processor.run(now + HOUR)["sent"] == 3


def test_a_refused_contact_is_tried_again_in_an_hour_and_then_left_out(begun, now):
    answers(NotSent("No."))
    assert processor.run(now)["retried"] == 1
    assert (place().due_at, place().failures, place().last_error) == (now + HOUR, 1, "No.")
    assert processor.run(now + HOUR)["skipped"] == 1
    assert (place().status, place().done, place().failures) == ("PENDING", ["EMAIL"], 1)  # and one of the SMS
    StubProvider.reset()
    processor.run(now + 2 * HOUR)
    assert sent() == ["SMS"]
    assert list(ContactAttempt.objects.order_by("started_at", "pk").values_list("try_no", flat=True)) == [1, 2, 3, 4]


def test_being_asked_to_wait_costs_no_try(begun, now):
    answers(NotSent("Too many.", retry_after=90))
    processor.run(now)
    assert (place().failures, place().held_reason) == (0, "rate_limited")
    assert place().due_at == now + timedelta(seconds=90)


def test_whoever_opts_out_is_through_with_every_campaign(begun, now):
    opt_out(place().lead, channel="EMAIL", reason="asked", source="staff", now=now, actor=SYSTEM)
    assert (place().status, place().reason, place().due_at) == ("COMPLETED", "asked", None)
    assert processor.run(now, until_idle=True)["due"] == 0


def test_changing_the_channels_repeats_nothing(begun, now):
    processor.run(now)
    begun.channels = ["CALL", "EMAIL"]
    begun.save()
    make_script("CALL", is_default=True)
    processor.run(now + HOUR, until_idle=True)
    assert sent() == ["EMAIL", "CALL"]
    assert place().status == "COMPLETED"


def test_a_campaign_without_channels_completes_its_leads(begun, now):
    Campaign.objects.update(channels=[])
    processor.run(now, until_idle=True)
    assert (place().status, place().reason) == ("COMPLETED", "nothing_left")


# Crashes ------------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The worker is gone at this very line."""


def die_while(monkeypatch, where: str, now) -> None:
    def dies(*_args) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(where, dies)
        with pytest.raises(Died):
            processor.run(now)
    assert place().is_in_flight
    assert ContactAttempt.objects.get().status == "PENDING"


def expire() -> None:
    ago = timedelta(minutes=90)
    attempt = ContactAttempt.objects.get()
    attempt.deadline_at -= ago
    attempt.recorded_at -= ago
    attempt.called_at = attempt.called_at and attempt.called_at - ago
    attempt.save()
    CampaignLead.objects.update(lease_until=clock.now() - HOUR)


def test_left_uncalled_it_goes_back_and_is_sent_once(begun, now, monkeypatch):
    die_while(monkeypatch, "campaigns.delivery.rounds.call_in_groups", now)
    assert processor.run(now)["due"] == 0
    expire()
    processor.run(now, until_idle=True)
    assert sent() == ["EMAIL"]
    assert sorted(ContactAttempt.objects.values_list("try_no", "status")) == [(1, "FAILED"), (2, "SENT")]


def test_sent_but_not_recorded_it_is_found_at_the_provider(begun, now, monkeypatch):
    die_while(monkeypatch, "campaigns.delivery.rounds.record_answers", now)
    expire()
    assert processor.run(now)["sent"] == 1
    assert sent() == ["EMAIL"]
    assert (place().status, place().done, place().is_in_flight) == ("CONTACTED", ["EMAIL"], False)


def test_what_nobody_can_tell_is_not_sent_again(begun, now, settings):
    settings.PROVIDERS = {"stub": PATH_UNSEARCHABLE}
    answers(OutcomeUnknown("Silence."))
    assert processor.run(now)["unknown"] == 1
    expire()
    assert processor.run(now)["failed"] == 1
    assert (place().status, place().done, place().due_at) == ("PENDING", ["EMAIL"], now + HOUR)


def test_a_stale_worker_changes_only_the_attempt(begun, now, monkeypatch):
    record, held = rounds.record_answers, []
    monkeypatch.setattr(rounds, "record_answers", lambda *args: held.append(args) or Report())
    processor.run(now)
    monkeypatch.setattr(rounds, "record_answers", record)
    expire()
    processor.run(now)  # somebody else finds it out
    standing = CampaignLead.objects.values().get()
    record(*held[0])
    assert CampaignLead.objects.values().get() == standing


OFF = {
    "pause": lambda campaign, now: changing.move(campaign, "PAUSED", SYSTEM),
    "opt_out": lambda campaign, now: opt_out(
        place().lead, channel="EMAIL", reason="asked", source="staff", now=now, actor=SYSTEM
    ),
    "remove": lambda campaign, now: remove(campaign, [place().lead_id], SYSTEM),
}


@pytest.mark.parametrize("what", OFF)
def test_what_stops_between_intent_and_call_is_not_called(begun, now, monkeypatch, what):
    begin = call._begin

    def stops_first(*args):
        OFF[what](begun, now)
        monkeypatch.setattr(call, "_begin", begin)
        return begin(*args)

    monkeypatch.setattr(call, "_begin", stops_first)
    processor.run(now)
    assert not StubProvider.arrived
    assert (ContactAttempt.objects.get().reason, place().is_in_flight) == ("not_called", False)
    assert place().status == ("PENDING" if what == "pause" else "COMPLETED")


def test_the_list_and_the_api_show_what_comes_next_and_why(begun, now, api, as_viewer):
    at = now.replace(hour=3)
    CampaignLead.objects.update(due_at=at, scheduled_at=at)
    processor.run(at)
    page = as_viewer.get(f"/campaigns/{begun.pk}/leads/").content.decode()
    assert "Outside the contact hours in the lead&#x27;s zone" in page
    (row,) = api("viewer").get(f"/api/campaigns/{begun.pk}/leads").json()["data"]
    assert (row["heldReason"], row["dueAt"][:14], row["done"]) == ("quiet_hours", "2026-03-11T08:", [])
    processor.run(now)
    assert "1 done" in as_viewer.get(f"/campaigns/{begun.pk}/leads/").content.decode()


def test_a_round_costs_the_same_however_many_leads_a_campaign_has(begun, now, monkeypatch):
    monkeypatch.setattr(StubProvider, "parallel", 0)  # all in one group, as the sandbox does

    def queries(count: int) -> int:
        assign(begun, [lead.pk for lead in make_leads(count)], now, SYSTEM)
        with CaptureQueriesContext(connection) as captured:
            assert processor.run(now)["sent"] == count
        return len(captured)

    processor.run(now)
    assert queries(2) == queries(100)


def test_a_place_without_a_time_is_an_alarm_and_the_doctor_starts_it(now):
    begun, waits = make_campaign(), make_campaign(status="PAUSED")
    make_campaign_lead(begun)
    make_campaign_lead(waits)
    make_campaign_lead(begun, held_reason="late")
    found = doctor.examine(now, only=["L1p"])
    assert [finding.count for finding in found] == [1]
    assert [changed for _finding, changed in doctor.repair(found, now)] == [1]
    assert not doctor.examine(now, only=["L1p"])
    assert CampaignLead.objects.get(due_at__isnull=False).campaign == begun
