"""Instantly's calls: who may make them, what they mean, and that nothing in one makes us stumble."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import polling
from campaigns.models import ContactAttempt
from integrations import inbox
from integrations.models import InboundEvent
from leads.models import Lead, Suppression
from retention_center.lib import clock
from sequences.models import SequenceEnrollment
from tests.builders import (
    make_attempt,
    make_campaign,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_script,
)
from tests.integrations import instantly_server as stub

pytestmark = pytest.mark.django_db
PATH = "/api/webhooks/instantly"
SECRET, OLD = "secret-in-a-header-58c2", "the-secret-before-it"
REMOTE = "019c0000-0000-7000-8000-0000000000c1"
REFERENCE = "019c0000-0000-7000-8000-0000000000a1"
CALLER = Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def set_up() -> None:
    make_integration("instantly", **stub.CONFIG, webhookSecret=SECRET, previousWebhookSecret=OLD)


@pytest.fixture
def lead() -> Lead:
    return make_lead(email="ada@example.com", status="CONTACTED")


@pytest.fixture
def attempt(lead: Lead) -> ContactAttempt:
    campaign = make_campaign(meta={"instantlySync": True, "instantlyCampaignId": REMOTE})
    return make_attempt(lead, provider="instantly", provider_ref=REFERENCE, address=lead.email, campaign=campaign)


def said(event: str, **more: Any) -> dict[str, Any]:
    told = {"timestamp": "2026-03-11T15:00:00.000Z", "event_type": event, "workspace": "w", "campaign_id": REMOTE}
    return told | {"campaign_name": "RC: Winback", "lead_email": "Ada@Example.com", "step": 1, "variant": 1} | more


def post(body: Any, secret: str = SECRET, path: str = PATH, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body)
    given_headers = headers or {"X-Webhook-Secret": secret}
    return CALLER.post(path, raw, content_type="application/json", headers=given_headers)


# Who may call ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [{"X-Webhook-Secret": SECRET}, {"X-Webhook-Secret": OLD}, {"Authorization": f"Bearer {SECRET}"},
     {"Authorization": SECRET}],
)  # fmt: skip
@pytest.mark.parametrize("path", [PATH, PATH + "/"])
def test_both_secrets_count_in_either_header(path: str, headers: dict[str, str]) -> None:
    assert post(said("campaign_completed"), path=path, **headers).status_code == 200


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], "ß"])
def test_strangers_change_nothing(attempt: ContactAttempt, secret: str) -> None:
    assert post(said("email_bounced"), secret).status_code == 401
    assert CALLER.get(PATH).status_code == 405
    assert not InboundEvent.objects.exists()


def test_without_a_secret_it_says_so_and_a_provider_switched_off_is_still_heard() -> None:
    make_integration("instantly", is_active=False, **stub.CONFIG, webhookSecret=SECRET)
    assert post(said("campaign_completed")).status_code == 200
    make_integration("instantly", **stub.CONFIG)
    assert post(said("campaign_completed")).status_code == 503


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"null", b"[" * 5000, {"event_type": "email_sent"}])
def test_what_cannot_be_read_is_malformed(body: Any) -> None:
    assert post(body).status_code == 400


# What they mean -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "status", "flags"),
    [
        ("email_sent", "SENT", {"sent_at", "step"}),
        ("email_opened", "DELIVERED", {"opened"}),
        ("link_clicked", "SUCCESS", {"clicked", "opened"}),
        ("email_link_clicked", "SUCCESS", {"clicked", "opened"}),
        ("auto_reply_received", "DELIVERED", {"auto_replied"}),
        ("email_bounced", "BOUNCED", {"bounced"}),
        ("lead_unsubscribed", "SENT", {"unsubscribed"}),
        ("lead_not_interested", "SENT", {"interest"}),
        ("lead_out_of_office", "SENT", {"interest"}),
        ("lead_closed", "SENT", {"interest"}),
        ("A label of our own", "SENT", {"interest"}),
    ],
)
def test_every_event_has_its_meaning(attempt: ContactAttempt, event: str, status: str, flags: set[str]) -> None:
    assert post(said(event)).status_code == 200
    attempt.refresh_from_db()
    assert (attempt.status, set(attempt.result)) == (status, flags)
    assert Lead.objects.get().status in {"CONTACTED", "DO_NOT_CONTACT"}


def test_a_reply_is_success_and_the_lead_is_in_progress(attempt: ContactAttempt, lead: Lead) -> None:
    enrollment = make_enrollment(lead=lead)
    make_execution(enrollment, status="SENT", contact_attempt=attempt)
    make_execution(enrollment, order=2)
    post(said("reply_received", reply_text_snippet="Call me", reply_text="Call me\n> Hi"))
    attempt.refresh_from_db()
    lead.refresh_from_db()
    assert (attempt.status, attempt.result["reply_text"]) == ("SUCCESS", "Call me")
    assert lead.status == "IN_PROGRESS"
    assert (SequenceEnrollment.objects.get().status, SequenceEnrollment.objects.get().reason) == (
        "CANCELLED", "replied",
    )  # fmt: skip


@pytest.mark.parametrize("event", ["lead_interested", "lead_meeting_booked", "lead_meeting_completed"])
@pytest.mark.parametrize(
    ("before", "after"),
    [("NEW", "IN_PROGRESS"), ("CONTACTED", "IN_PROGRESS"), ("CONVERTED", "CONVERTED"),
     ("DO_NOT_CONTACT", "DO_NOT_CONTACT")],
)  # fmt: skip
def test_interest_brings_a_lead_forward_and_never_back(
    attempt: ContactAttempt, event: str, before: str, after: str
) -> None:
    Lead.objects.update(status=before)
    post(said(event))
    assert Lead.objects.get().status == after
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result["interest"]) == ("SENT", event)


def test_who_unsubscribes_is_contacted_no_more(attempt: ContactAttempt, lead: Lead) -> None:
    make_execution(make_enrollment(lead=lead))
    post(said("lead_unsubscribed"))
    lead.refresh_from_db()
    assert (lead.status, lead.meta["optOut"]["email"]["source"]) == ("DO_NOT_CONTACT", "instantly")
    assert SequenceEnrollment.objects.get().status == "CANCELLED"


def test_with_the_scope_of_a_channel_only_e_mail_ends(attempt: ContactAttempt, lead: Lead, settings: Any) -> None:
    settings.OPT_OUT_SCOPE = "channel"
    post(said("lead_unsubscribed"))
    assert Suppression.objects.standing().get().channel == "EMAIL"
    lead.refresh_from_db()
    assert lead.status == "CONTACTED"


def test_an_address_nobody_knows_is_barred_all_the_same() -> None:
    assert post(said("lead_unsubscribed", lead_email="who@example.com")).status_code == 200
    assert Suppression.objects.standing().get().address == "who@example.com"


def test_the_planted_attempt_wins_over_address_and_campaign(attempt: ContactAttempt, lead: Lead) -> None:
    older = make_attempt(lead, provider="instantly", provider_ref="L0", address=lead.email)
    post(said("email_opened", rc_attempt_id=older.pk, campaign_id="elsewhere"))
    older.refresh_from_db()
    attempt.refresh_from_db()
    assert (older.status, attempt.status) == ("DELIVERED", "SENT")


def test_a_scripts_campaign_finds_its_attempt_too(lead: Lead) -> None:
    script = make_script(instantly_campaign_id=REMOTE)
    attempt = make_attempt(lead, provider="instantly", provider_ref="L2", script=script)
    make_attempt(lead, provider="smtp")
    post(said("email_opened"))
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"


def test_an_event_that_beats_our_own_record_waits_for_its_attempt(lead: Lead) -> None:
    attempt = make_attempt(lead, provider="instantly", status="PENDING")
    assert post(said("email_opened", rc_attempt_id=attempt.pk)).status_code == 200
    event = InboundEvent.objects.get()
    assert event.status == "WAITING"
    ContactAttempt.objects.update(status="SENT")
    inbox.replay(event, clock.now())
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"


def test_events_may_come_twice_and_in_any_order(attempt: ContactAttempt) -> None:
    for event in ("link_clicked", "email_sent", "email_bounced", "link_clicked", "email_opened"):
        post(said(event))
    attempt.refresh_from_db()
    assert attempt.status == "SUCCESS"
    assert {"clicked", "opened", "bounced"} <= {name for name, value in attempt.result.items() if value is True}
    assert InboundEvent.objects.count() == 4


@pytest.mark.parametrize("event", ["campaign_completed", "account_error", "supersearch_enrichment_completed"])
def test_news_of_a_campaign_is_kept_and_touches_nobody(attempt: ContactAttempt, event: str) -> None:
    told = said(event)
    del told["lead_email"]
    assert post(told).status_code == 200
    assert InboundEvent.objects.get().status == "APPLIED"


def test_texts_and_secrets_are_not_kept(attempt: ContactAttempt) -> None:
    post(said("email_sent", email_html="<p>private</p>", rc_body="private", password=SECRET, email_subject="a\x00b"))
    kept = json.dumps(InboundEvent.objects.get().payload)
    assert "private" not in kept
    assert SECRET not in kept
    assert "a\\ufffdb" in kept


def test_lost_events_are_asked_for(attempt: ContactAttempt, lead: Lead, settings: Any) -> None:
    with stub.instantly_server() as outside:
        settings.INSTANTLY_API_URL = outside.url
        outside.leads[REFERENCE] = {"id": REFERENCE, "email": lead.email, "status": -2, "email_open_count": 1}
        ContactAttempt.objects.update(started_at=clock.now() - timedelta(hours=2))
        assert polling.ask(clock.now()) == 1
    attempt.refresh_from_db()
    lead.refresh_from_db()
    assert (attempt.status, attempt.result["unsubscribed"], lead.status) == ("DELIVERED", True, "DO_NOT_CONTACT")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.dictionaries(st.text(max_size=12), st.one_of(st.text(max_size=40), st.none(), st.integers()), max_size=6),
    event=st.one_of(st.sampled_from(["email_sent", "reply_received", "lead_unsubscribed"]), st.text(max_size=30)),
    body=st.binary(max_size=200),
)
def test_whatever_comes_gets_an_answer(told: dict[str, Any], event: str, body: bytes) -> None:
    assert post(said(event) | told).status_code in {200, 400}
    assert post(body).status_code in {200, 400}
    assert post(body, "wrong").status_code in {401, 429}
