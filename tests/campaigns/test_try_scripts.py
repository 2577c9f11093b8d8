"""What staff see of a script before it goes out, and the test they send themselves."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from campaigns.models import ContactAttempt, Script, SendingPause
from campaigns.previewing import preview
from integrations.models import InboundEvent
from leads import suppression
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_integration, make_lead, make_script
from tests.integrations.smtp_server import smtp_server
from tests.integrations.twilio_server import ACCOUNT, TOKEN, twilio_server

pytestmark = pytest.mark.django_db
IMAGE = '<p>Hello</p><img src="https://tracker.example.com/pixel.gif">'


@pytest.fixture
def post_office() -> Iterator:
    with smtp_server() as (postmaster, port):
        make_integration("smtp", host="127.0.0.1", port=port)
        yield postmaster


def email(**fields):
    return make_script("EMAIL", **{"name": "Hello", "subject": "Hello", "content": "Dear {{ firstName }}"} | fields)


def test_a_fallback_that_stands_in_is_told():
    script = make_script("SMS", content="Hi {{ firstName | default: \"there\" }} of {{ meta.city | default: 'town' }}")
    seen = preview(script, make_lead(first_name="", meta={"city": "Riga"}))
    assert seen.fallbacks == [("firstName", "there")]
    assert seen.is_sendable


def test_the_page_marks_the_fallback_and_what_is_empty(as_viewer):
    lead = make_lead(first_name="", last_name="")
    script = email(content='Hi {{ firstName | default: "you" }} {{ lastName }}')
    page = as_viewer.get(f"/scripts/{script.pk}/?lead={lead.email}").content.decode()
    assert "<mark>you</mark>" in page
    assert "lastName is empty without a fallback" in page


def test_an_sms_says_what_its_segments_will_cost():
    make_integration("twilio", accountSid="AC1", authToken="t", **{"from": "+15005550006"})
    sent = {"channel": "SMS", "provider": "twilio", "currency": "USD", "result": {"segments": 2}}
    make_attempt(make_lead(), cost=Decimal("0.0158"), **sent)
    seen = preview(make_script("SMS", content="x" * 300))
    assert seen.sms.segments == 2
    assert (round(seen.price.amount, 4), seen.price.currency) == (Decimal("0.0158"), "USD")


def test_an_sms_without_a_known_price_says_so(as_viewer):
    make_integration()
    page = as_viewer.get(f"/scripts/{make_script('SMS').pk}/").content.decode()
    assert "what it costs shows once a sent one has a price" in page


def test_the_api_tells_fallbacks_and_cost(api):
    script = make_script("SMS", content='Hi {{ meta.nick | default: "you" }}')
    told = api("operator").post(f"/api/scripts/{script.pk}/preview", {}).json()
    assert told["fallbacks"] == [{"placeholder": "meta.nick", "fallback": "you"}]
    assert (told["cost"], told["currency"]) == (None, "")


def test_images_of_an_e_mail_load_only_when_asked_for(as_viewer):
    script = email(content=IMAGE, content_type="html")
    without = as_viewer.get(f"/scripts/{script.pk}/html/")
    assert "img-src data:;" in without["Content-Security-Policy"]
    assert "https:" in as_viewer.get(f"/scripts/{script.pk}/html/?images=1")["Content-Security-Policy"]
    assert "sandbox" in without["Content-Security-Policy"]
    assert "images=1" in as_viewer.get(f"/scripts/{script.pk}/").content.decode()


def test_the_width_that_was_chosen_stays_while_staff_type(as_operator):
    typed = {"type": "EMAIL", "name": "x", "content": "Hi", "shown_as": "phone", "images": "1"}
    page = as_operator.post("/scripts/try/", typed).content.decode()
    assert 'value="phone" checked' in page
    assert "?images=1" in page


def test_the_editor_shows_how_a_link_is_tracked(as_operator):
    assert "blank until Keitaro" in as_operator.get("/scripts/new/").content.decode()
    make_integration("keitaro", webhookSecret="s", trackerUrl="https://go.example.com/x")
    page = as_operator.get("/scripts/new/").content.decode()
    assert "https://go.example.com/x" in page
    assert "sub_id_1" in page


@pytest.mark.django_db(transaction=True)
def test_a_test_goes_to_whoever_asks_and_to_nobody_else(as_operator, operator, post_office):
    lead = make_lead(first_name="Zoe", email="zoe@example.com")
    script = email()
    page = as_operator.post(f"/scripts/{script.pk}/test/", {"lead": lead.email, "to": lead.email}, follow=True)
    assert "Sent to" in page.content.decode()
    [received] = post_office.received
    assert (received["To"], received["Subject"]) == (operator.email, "[Test] Hello")
    assert "Dear Zoe" in received.get_body(("plain",)).get_content()
    assert received["List-Unsubscribe"] is None
    assert not ContactAttempt.objects.exists()
    assert Lead.objects.get().status == "NEW"
    event = AuditEvent.objects.get(action="send test")
    assert (event.actor, event.after["provider"]) == (operator, "smtp")


@pytest.mark.django_db(transaction=True)
def test_an_sms_test_asks_for_no_report(as_operator, settings):
    with twilio_server() as sms:
        settings.TWILIO_API_URL = sms.url
        make_integration("twilio", accountSid=ACCOUNT, authToken=TOKEN, **{"from": "+15005550006"})
        script = make_script("SMS", content="Hello")
        page = as_operator.post(f"/scripts/{script.pk}/test/", {"to": "(212) 555-0123"}, follow=True)
        assert "Sent to +12125550123" in page.content.decode()
        [asked] = sms.messages
    assert "StatusCallback" not in str(asked)
    assert AuditEvent.objects.get(action="send test").after["to"] == "…0123"
    assert not InboundEvent.objects.exists()


def refused(client, script: Script, **data) -> str:
    page = client.post(f"/scripts/{script.pk}/test/", data, follow=True).content.decode()
    assert "No test was sent" in page
    assert not AuditEvent.objects.filter(action="send test").exists()
    return page


def test_no_test_goes_to_the_number_of_a_lead(as_operator):
    make_integration()
    lead = make_lead()
    assert "belongs to a lead" in refused(as_operator, make_script("SMS"), to=lead.phone)


def test_no_test_goes_to_who_is_on_the_do_not_contact_list(as_operator, operator, now):
    make_integration()
    suppression.suppress(operator.email.lower(), channel="ALL", reason="staff", source="staff", now=now, actor=SYSTEM)
    assert "do not contact list" in refused(as_operator, email())


def test_no_test_goes_out_while_sending_is_stopped_or_nobody_sends(as_operator):
    assert "No provider is active" in refused(as_operator, email())
    make_integration()
    SendingPause.objects.create(scope="all")
    assert "Sending is stopped" in refused(as_operator, email())


def test_what_would_not_be_sent_is_not_tested(as_operator):
    make_integration()
    make_lead(first_name="", email="nameless@example.com")
    assert "what is missing" in refused(as_operator, email(), lead="nameless@example.com")


def test_calls_and_webhooks_have_no_test(as_operator):
    make_integration()
    assert "Only e-mails and SMS" in refused(as_operator, make_script("CALL"))


def test_ten_tests_an_hour_are_enough(as_operator, operator):
    make_integration()
    script = email()
    for _ in range(10):
        AuditEvent.objects.create(action="send test", actor=operator)
    page = as_operator.post(f"/scripts/{script.pk}/test/", follow=True).content.decode()
    assert "within an hour" in page


def test_viewers_send_no_tests(as_viewer):
    assert as_viewer.post(f"/scripts/{email().pk}/test/").status_code == 403
