"""Contact now: staff and the API send through the same door, under the same rules, once."""

from datetime import timedelta

import pytest

from campaigns import by_hand
from campaigns.models import ContactAttempt, ContactPolicy, SendingPause
from campaigns.reasons import Reason
from integrations.models import IntegrationConfig
from integrations.providers.base import NotSent, OutcomeUnknown
from leads import consent
from leads.models import Lead
from retention_center import doctor
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent, IdempotencyRecord
from sequences import processor
from tests.builders import make_attempt, make_campaign, make_campaign_lead, make_lead, make_script
from tests.stub_provider import PATH, PATH_UNSEARCHABLE, StubProvider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
STATUS = ContactAttempt.Status
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def stub(db, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True)
    ContactPolicy.objects.create(contact_hours_start="00:00", contact_hours_end="24:00")
    yield StubProvider
    StubProvider.reset()


@pytest.fixture
def lead() -> Lead:
    return make_lead()


@pytest.fixture
def script():
    return make_script()


def send(lead, script, now, token="once"):
    return by_hand.contact_now(lead, script, token=token, now=now, actor=SYSTEM)


def refusal(lead, script, now):
    with pytest.raises(by_hand.MayNot) as refused:
        send(lead, script, now)
    assert not StubProvider.arrived
    return refused.value.decision


def answers(error: Exception) -> None:
    def behaviour(_message) -> None:
        raise error

    StubProvider.answer = staticmethod(behaviour)


def close_hours() -> None:
    """Closed at any time of the day on which a test may run: the one open day is never today."""
    days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
    ContactPolicy.objects.update(contact_days=[days[(clock.now().weekday() + 3) % 7]])


# Sending ------------------------------------------------------------------------------------------------------------


def test_it_leaves_at_once_and_is_audited(lead, script, now):
    attempt = send(lead, script, now)

    (message,) = StubProvider.arrived[attempt.idempotency_key]
    assert message.text.startswith("Hello Ada, come back.")
    assert (attempt.status, attempt.origin, attempt.address) == (STATUS.SENT, "manual", lead.email)
    event = AuditEvent.objects.get(action="contact")
    assert (event.object_id, event.after["attempt_id"]) == (lead.pk, attempt.pk)
    assert Lead.objects.get().status == Lead.Status.CONTACTED


def test_the_same_wish_twice_sends_once(lead, script, now):
    assert send(lead, script, now) == send(lead, script, now)
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert send(lead, script, now, token="another") != ContactAttempt.objects.order_by("pk").first()


def test_a_token_is_nobody_elses(script, now):
    first, second = send(make_lead(), script, now), send(make_lead(), script, now)
    assert first.lead_id != second.lead_id


def test_what_the_provider_refuses_is_an_attempt_that_failed(lead, script, now):
    answers(NotSent("No such mailbox.", reason="invalid_address", permanent=True))
    attempt = send(lead, script, now)
    assert (attempt.status, attempt.was_unsent, attempt.reason) == (STATUS.FAILED, True, "invalid_address")
    processor.run(now + DAY, until_idle=True)
    assert ContactAttempt.objects.count() == 1


def test_a_script_of_a_campaign_sends_in_its_name(lead, now):
    campaign = make_campaign()
    attempt = send(lead, make_script(campaign=campaign, content="{{ campaign.name }}"), now)
    assert attempt.campaign == campaign
    assert attempt.message["text"].startswith(campaign.name)


# Why not --------------------------------------------------------------------------------------------------------------


def test_outside_the_contact_hours_it_says_when_they_open(lead, script, now):
    ContactPolicy.objects.update(contact_hours_start="16:00")
    decision = refusal(lead, script, now)
    assert (decision.reason, decision.until) == (Reason.QUIET_HOURS, now + timedelta(hours=1))


def test_the_daily_cap_holds_for_contacts_by_hand_too(lead, script, now):
    for _ in range(3):
        make_attempt(lead, started_at=now, called_at=now, recorded_at=now, provider_ref=f"r{_}")
    assert refusal(lead, script, now).reason == Reason.DAILY_CAP


def test_a_campaign_of_the_lead_narrows_the_rules(lead, script, now):
    make_campaign_lead(make_campaign(meta={"contactHoursStart": "18:00"}), lead)
    assert refusal(lead, script, now).reason == Reason.QUIET_HOURS


def _opt_out(lead, now):
    consent.opt_out(lead, channel="EMAIL", reason="asked", source="staff", now=now, actor=SYSTEM)


WHY_NOT = {
    "do_not_contact": _opt_out,
    "deleted": lambda lead, now: Lead.objects.update(deleted_at=now),
    "no_address": lambda lead, now: Lead.objects.update(email=None),
    "no_provider": lambda lead, now: IntegrationConfig.objects.update(is_active=False),
    "sending_paused": lambda lead, now: SendingPause.objects.create(),
}


@pytest.mark.parametrize("reason", WHY_NOT)
def test_what_stops_everybody_stops_a_contact_by_hand(lead, script, now, reason):
    WHY_NOT[reason](lead, now)
    assert refusal(lead, script, now).reason == reason
    assert not ContactAttempt.objects.exists()
    assert not AuditEvent.objects.filter(action="contact").exists()


def test_an_opt_out_of_one_channel_leaves_the_others(lead, script, now, settings):
    settings.OPT_OUT_SCOPE = "channel"
    _opt_out(lead, now)
    assert refusal(lead, script, now).reason == Reason.SUPPRESSED
    assert send(lead, make_script("SMS"), now).status == STATUS.SENT


def test_an_empty_placeholder_is_never_sent(lead, now):
    assert refusal(lead, make_script(content="{{ meta.city }}"), now).reason == Reason.EMPTY_PLACEHOLDER


def test_a_buyer_may_be_contacted_by_hand(script, now):
    assert send(make_lead(status="CONVERTED"), script, now).status == STATUS.SENT


@pytest.mark.parametrize("reason", WHY_NOT)
def test_the_outlook_says_what_then_happens(lead, script, now, reason):
    assert by_hand.outlook(lead, {"EMAIL": script}, now)["EMAIL"].sends
    WHY_NOT[reason](lead, now)
    lead.refresh_from_db()
    assert by_hand.outlook(lead, {"EMAIL": script}, now)["EMAIL"] == refusal(lead, script, now)


# Crashes --------------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The worker is gone at this very line."""


def expire(ago: timedelta = timedelta(minutes=90)) -> None:
    """So much later, as far as leases and calls are concerned."""
    for attempt in ContactAttempt.objects.all():
        attempt.deadline_at -= ago
        attempt.recorded_at -= ago
        attempt.called_at = attempt.called_at and attempt.called_at - ago
        attempt.save()


def die_while(monkeypatch, where: str, lead, script, now) -> ContactAttempt:
    def dies(*_args) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(where, dies)
        with pytest.raises(Died):
            send(lead, script, now)
    attempt = ContactAttempt.objects.get()
    assert attempt.status == STATUS.PENDING
    return attempt


def test_left_uncalled_it_is_closed_as_never_sent(lead, script, now, monkeypatch):
    die_while(monkeypatch, "campaigns.delivery.rounds.call_in_groups", lead, script, now)
    processor.run(now)
    assert ContactAttempt.objects.get().status == STATUS.PENDING  # its worker may still be at it

    expire()
    processor.run(now)
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.was_unsent, attempt.reason) == (STATUS.FAILED, True, "not_called")
    assert not StubProvider.arrived


def test_sent_but_not_recorded_it_is_found_at_the_provider(lead, script, now, monkeypatch):
    die_while(monkeypatch, "campaigns.delivery.rounds.record_answers", lead, script, now)
    expire()
    assert processor.run(now)["sent"] == 1

    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.provider_ref) == (STATUS.SENT, f"stub-{attempt.idempotency_key}")
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    assert processor.run(now)["sent"] == 0


def test_what_nobody_can_tell_is_closed_as_unknown_and_asked_for_once(lead, script, now, settings):
    settings.PROVIDERS = {"stub": PATH_UNSEARCHABLE}
    answers(OutcomeUnknown("Silence."))
    assert send(lead, script, now).status == STATUS.UNKNOWN

    expire()
    assert processor.run(now)["failed"] == 1
    attempt = ContactAttempt.objects.get()
    assert (attempt.status, attempt.reason, attempt.completed_at) == (STATUS.UNKNOWN, "outcome_unknown", now)
    assert processor.run(now)["failed"] == 0


def test_a_provider_that_keeps_silent_is_asked_again_until_an_hour_has_passed(lead, script, now, monkeypatch):
    answers(OutcomeUnknown("Silence."))
    send(lead, script, now)

    def silent(_self, _message) -> None:
        raise OutcomeUnknown("Still silent.")

    monkeypatch.setattr(StubProvider, "find", silent)
    expire(timedelta(minutes=50))
    processor.run(now)
    assert ContactAttempt.objects.get().completed_at is None
    expire(timedelta(minutes=20))
    processor.run(now)
    assert ContactAttempt.objects.get().completed_at == now


def test_a_second_wish_after_a_crash_answers_with_the_first_attempt(lead, script, now, monkeypatch):
    left = die_while(monkeypatch, "campaigns.delivery.rounds.record_answers", lead, script, now)
    assert send(lead, script, now).pk == left.pk
    assert [len(messages) for messages in StubProvider.arrived.values()] == [1]
    expire()
    processor.run(now)


@pytest.mark.parametrize("went_off", [_opt_out, WHY_NOT["deleted"]])
def test_who_goes_off_between_intent_and_call_is_not_called(lead, script, now, monkeypatch, went_off):
    from campaigns.delivery import call  # noqa: PLC0415

    begin = call._begin

    def goes_off_first(*args):
        went_off(lead, now)
        return begin(*args)

    monkeypatch.setattr(call, "_begin", goes_off_first)
    attempt = send(lead, script, now)
    assert (attempt.status, attempt.reason, attempt.was_unsent) == (STATUS.FAILED, "not_called", True)
    assert not StubProvider.arrived


def test_looking_for_what_was_left_costs_next_to_nothing(now, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):  # the question, and on PostgreSQL the database's clock
        by_hand.reconcile_left(now)


# The API --------------------------------------------------------------------------------------------------------------


def test_the_api_sends_now_and_answers_with_the_attempt(api, lead, script):
    answer = api("operator").post(f"/api/leads/{lead.pk}/contact", {"channel": "EMAIL", "scriptId": script.pk})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["origin"], body["leadId"]) == ("SENT", "manual", lead.pk)
    assert AuditEvent.objects.get(action="contact").via == "api"


def test_the_api_says_why_not_and_until_when(api, lead, script):
    close_hours()
    answer = api("operator").post(f"/api/leads/{lead.pk}/contact", {"channel": "EMAIL", "scriptId": script.pk})
    assert answer.status_code == 409
    assert answer.json()["reason"] == "contact_day"
    assert answer.json()["detail"] == "Not a contact day in the lead's zone."
    assert answer.json()["until"] > clock.now().isoformat()


def test_the_api_refuses_what_cannot_be_meant(api, lead, script):
    caller, address = api("operator"), f"/api/leads/{lead.pk}/contact"
    assert caller.post(address, {"channel": "SMS", "scriptId": script.pk}).json()["errors"][0]["field"] == "scriptId"
    assert caller.post(address, {"channel": "EMAIL", "scriptId": "nobody"}).status_code == 400
    assert caller.post(address, {"channel": "PIGEON", "scriptId": script.pk}).status_code == 400
    assert caller.post(address, {}).status_code == 400
    good = {"channel": "EMAIL", "scriptId": script.pk}
    assert caller.post("/api/leads/nobody/contact", good).status_code == 404
    assert api("viewer").post(address, good).status_code == 403
    assert api("").post(address, good).status_code == 401
    assert not ContactAttempt.objects.exists()


def test_a_repeated_request_sends_once_even_when_the_first_answer_was_lost(api, lead, script):
    caller, address = api("operator"), f"/api/leads/{lead.pk}/contact"
    body = {"channel": "EMAIL", "scriptId": script.pk}
    first = caller.post(address, body, Idempotency_Key="k1").json()
    assert caller.post(address, body, Idempotency_Key="k1").json() == first
    IdempotencyRecord.objects.all().delete()  # as after a failure of ours
    assert caller.post(address, body, Idempotency_Key="k1").json()["id"] == first["id"]
    assert caller.post(address, body, Idempotency_Key="k2").json()["id"] != first["id"]


# The page -------------------------------------------------------------------------------------------------------------


def test_the_page_offers_each_channels_scripts_and_says_why_not(as_operator, script):
    lead = make_lead(phone=None)
    page = as_operator.get(f"/leads/{lead.pk}/contact/").content.decode()
    assert script.name in page
    assert "Send e-mail now" in page
    assert "Send SMS now" not in page
    assert page.count("No script for this channel") == 3
    make_script("SMS")
    assert "no address for this channel" in as_operator.get(f"/leads/{lead.pk}/contact/").content.decode()


def test_a_click_sends_and_a_second_click_does_not(as_operator, lead, script):
    typed = {"channel": "EMAIL", "script": script.pk, "token": "t1"}
    for _ in range(2):
        answer = as_operator.post(f"/leads/{lead.pk}/contact/", typed, follow=True)
        assert "E-mail handed to stub" in answer.content.decode()
    assert ContactAttempt.objects.count() == 1


def test_a_click_that_comes_too_late_is_told_why(as_operator, lead, script):
    close_hours()
    typed = {"channel": "EMAIL", "script": script.pk, "token": "t1"}
    answer = as_operator.post(f"/leads/{lead.pk}/contact/", typed)
    assert answer.status_code == 409
    assert "Nothing was sent. Not a contact day in the lead&#x27;s zone; possible from" in answer.content.decode()


@pytest.mark.parametrize("typed", [{}, {"channel": "PIGEON"}, {"channel": "EMAIL", "script": "x", "token": "t" * 50}])
def test_bad_input_sends_nothing(as_operator, lead, script, typed):
    assert as_operator.post(f"/leads/{lead.pk}/contact/", typed).status_code == 422
    assert not ContactAttempt.objects.exists()


def test_a_viewer_may_not_and_sees_no_button(as_viewer, as_operator, lead):
    assert as_viewer.get(f"/leads/{lead.pk}/contact/").status_code == 403
    assert "Contact now" not in as_viewer.get(f"/leads/{lead.pk}/").content.decode()
    assert "Contact now" in as_operator.get(f"/leads/{lead.pk}/").content.decode()


def test_the_doctor_is_alarmed_by_contacts_nobody_looks_into(lead, script, now):
    answers(OutcomeUnknown("Silence."))
    send(lead, script, now)
    ContactAttempt.objects.update(recorded_at=clock.now() - DAY)
    assert "L2h" in {finding.check.id for finding in doctor.examine(clock.now())}
