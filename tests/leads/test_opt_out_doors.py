"""Every way in which somebody says no, through its real door: what it stops, at once, and that it lasts."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from integrations import twilio
from leads import barring, consent, removing, unsubscribe
from leads.intake import add
from leads.models import Suppression
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences.models import SequenceStepExecution
from tests.builders import make_attempt, make_enrollment, make_execution, make_integration, make_lead, make_sequence

pytestmark = pytest.mark.django_db
TOKEN, PHONE = "token-of-thirty-two-characters-9d41", "+12125550123"
PUBLIC = "https://rc.example.com"


@pytest.fixture(autouse=True)
def set_up(settings):
    settings.PUBLIC_URL = PUBLIC
    make_integration("twilio", accountSid="AC1", authToken=TOKEN)
    make_integration("instantly", apiKey="k", emailAccounts=["a@example.com"], webhookSecret="s3cret-of-instantly")


def twilio_says(path, **said):
    signature = twilio.sign(f"{PUBLIC}/api/webhooks/twilio/{path}", said.items(), TOKEN)
    answer = Client().post(
        f"/api/webhooks/twilio/{path}",
        urlencode(said),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )
    assert answer.status_code < 300
    return answer


def writes(text, sid, sender=PHONE):
    return twilio_says("inbound", MessageSid=sid, From=sender, To="+15005550006", Body=text)


def by_stop(lead, _api):
    writes("STOP", "SM1", lead.phone)


def by_21610(lead, _api):
    make_attempt(lead, channel="SMS", provider="twilio", provider_ref="SM7", address=lead.phone)
    twilio_says("status", MessageSid="SM7", MessageStatus="undelivered", ErrorCode="21610", AccountSid="AC1")


def _link(lead):
    attempt = make_attempt(lead, channel="EMAIL", address=lead.email)
    return unsubscribe.url_for(lead.pk, attempt.pk).removeprefix(PUBLIC)


def by_link(lead, _api):
    assert Client().post(_link(lead)).status_code == 200


def by_one_click(lead, _api):
    one_click = Client(enforce_csrf_checks=True).post(
        _link(lead), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert one_click.status_code == 200


def by_instantly(lead, _api):
    attempt = make_attempt(lead, channel="EMAIL", provider="instantly", provider_ref="L1", address=lead.email)
    told = {
        "event_type": "lead_unsubscribed",
        "timestamp": "2026-03-11T15:00:00.000Z",
        "workspace": "w",
        "campaign_id": "c1",
        "campaign_name": "RC",
        "lead_email": lead.email.upper(),
        "rc_attempt_id": attempt.pk,
    }
    answer = Client().post(
        "/api/webhooks/instantly",
        told,
        content_type="application/json",
        headers={"X-Webhook-Secret": "s3cret-of-instantly"},
    )
    assert answer.status_code < 300


def by_api(lead, api):
    assert api("operator").patch(f"/api/leads/{lead.pk}", {"status": "DO_NOT_CONTACT"}).status_code == 200


DOORS = {
    "STOP": (by_stop, "SMS"),
    "21610": (by_21610, "SMS"),
    "link": (by_link, "EMAIL"),
    "one-click": (by_one_click, "EMAIL"),
    "instantly": (by_instantly, "EMAIL"),
}


def planned(*channels):
    """A lead with steps on these channels; the first one waits."""
    lead = make_lead(email="ada@example.com", phone=PHONE)
    sequence = make_sequence([{"channel": channel} for channel in channels])
    make_execution(make_enrollment(sequence, lead), 1)
    return lead


def statuses():
    return list(SequenceStepExecution.objects.order_by("id").values_list("step__channel", "status"))


@pytest.mark.parametrize("door", [*DOORS, "api"])
def test_a_no_by_any_door_ends_everything_and_lasts(door, api, now):
    lead = planned("CALL", "EMAIL")
    (DOORS[door][0] if door in DOORS else by_api)(lead, api)
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert statuses() == [("CALL", "SKIPPED")]
    standing = Suppression.objects.standing().values_list("address", "channel")
    assert set(standing) == {("ada@example.com", "ALL"), (PHONE, "ALL")}
    removing.erase(lead, actor=SYSTEM, now=clock.now())
    back = add({"email": "Ada@Example.com"}, actor=SYSTEM, now=clock.now()).lead
    assert back.status == "DO_NOT_CONTACT"


@pytest.mark.parametrize("door", DOORS)
def test_a_no_to_one_channel_ends_that_channel_at_once(door, api, settings):
    settings.OPT_OUT_SCOPE = "channel"
    act, channel = DOORS[door]
    lead = planned(channel, "CALL")
    act(lead, api)
    lead.refresh_from_db()
    assert lead.status != "DO_NOT_CONTACT"
    assert channel.lower() in lead.meta["optOut"]
    assert statuses() == [(channel, "SKIPPED"), ("CALL", "SCHEDULED")]
    assert [row.channel for row in Suppression.objects.standing()] == [channel]


def test_a_no_to_one_channel_lasts_through_erasing_and_coming_back(api, settings):
    settings.OPT_OUT_SCOPE = "channel"
    lead = planned("SMS", "EMAIL")
    by_stop(lead, api)
    removing.erase(lead, actor=SYSTEM, now=clock.now())
    back = add({"phone": PHONE}, actor=SYSTEM, now=clock.now()).lead
    step = make_execution(make_enrollment(make_sequence([{"channel": "SMS"}]), back), 1)
    assert barring.close_barred([back], clock.now()) == 1
    step.refresh_from_db()
    assert (step.status, step.reason) == ("SKIPPED", "suppressed")


@pytest.mark.parametrize("scope", ["all", "channel"])
def test_start_restores_what_stop_set(scope, api, settings):
    settings.OPT_OUT_SCOPE = scope
    lead = planned("SMS", "EMAIL")
    by_stop(lead, api)
    writes("START", "SM2")
    lead.refresh_from_db()
    assert lead.status != "DO_NOT_CONTACT"
    assert lead.meta == {}
    assert not Suppression.objects.standing().exists()


def test_start_leaves_what_staff_said_after_stop(api, now):
    lead = planned("SMS")
    by_stop(lead, api)
    consent.do_not_contact(lead, now=now, actor=SYSTEM)
    writes("START", "SM2")
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert Suppression.objects.standing().count() == 2


def test_start_leaves_what_the_unsubscribe_link_said(api):
    lead = planned("SMS")
    by_stop(lead, api)
    by_link(lead, api)
    writes("START", "SM2")
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert list(lead.meta["optOut"]) == ["email"]
    assert Suppression.objects.standing().count() == 2


def test_a_stranger_who_said_stop_may_become_a_lead_and_start():
    writes("STOP", "SM1")
    lead = add({"phone": PHONE}, actor=SYSTEM, now=clock.now()).lead
    assert lead.status == "DO_NOT_CONTACT"
    writes("START", "SM2")
    lead.refresh_from_db()
    assert lead.status == "CONTACTED"
    assert not Suppression.objects.standing().exists()


def test_who_was_deleted_after_stop_and_came_back_may_start(api):
    lead = planned("SMS")
    by_stop(lead, api)
    removing.delete(lead, actor=SYSTEM, now=clock.now())
    back = add({"phone": PHONE, "email": lead.email}, actor=SYSTEM, now=clock.now()).lead
    assert back.status == "DO_NOT_CONTACT"
    writes("START", "SM2")
    back.refresh_from_db()
    assert back.status == "CONTACTED"
    assert not Suppression.objects.standing().exists()


def test_an_unsubscribe_bars_the_address_that_was_written_to():
    lead = make_lead(email="new@example.com")
    attempt = make_attempt(lead, channel="EMAIL", address="old@example.com")
    assert Client().post(unsubscribe.url_for(lead.pk, attempt.pk).removeprefix(PUBLIC)).status_code == 200
    assert {"old@example.com", "new@example.com"} <= set(Suppression.objects.values_list("address", flat=True))
