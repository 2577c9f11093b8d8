"""SMS from end to end, by Twilio: what the outside says changes what we do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import ContactAttempt
from integrations.models import ProviderBreaker
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_integration, make_lead, make_sequence
from tests.integrations import twilio_server as stub

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]


@pytest.fixture
def outside(settings: Any) -> Iterator[stub.Twilio]:
    make_integration("twilio", **stub.CONFIG)
    with stub.twilio_server() as server:
        settings.TWILIO_API_URL = server.url
        yield server


@pytest.fixture
def lead(outside: stub.Twilio, now: Any) -> Lead:
    """In a sequence of two SMS, the first due now."""
    lead = make_lead(phone="+12125550123")
    sequence = make_sequence([{"channel": "SMS"}, {"channel": "SMS"}])
    enroll(sequence, [lead.pk], now=now, source="manual", actor=SYSTEM)
    return lead


def test_a_message_goes_out_and_its_attempt_knows_it(outside: stub.Twilio, lead: Lead, now: Any) -> None:
    assert processor.run(now)["sent"] == 1
    attempt = ContactAttempt.objects.get()
    assert attempt.provider_ref in outside.messages
    assert f"attempt={attempt.pk}" in outside.posted[0]["StatusCallback"]


def test_whom_twilio_calls_opted_out_is_never_written_to_again(outside: stub.Twilio, lead: Lead, now: Any) -> None:
    outside.fail = (400, 21610)
    processor.run(now, until_idle=True)
    lead.refresh_from_db()
    assert lead.status == "DO_NOT_CONTACT"
    assert not SequenceStepExecution.objects.open().exists()
    assert ContactAttempt.objects.get().reason == "suppressed"


def test_wrong_credentials_hold_the_message_and_cost_no_try(outside: stub.Twilio, lead: Lead, now: Any) -> None:
    make_integration("twilio", **stub.CONFIG | {"authToken": "wrong"})
    processor.run(now)
    step = SequenceStepExecution.objects.get()
    assert (step.status, step.failures, step.held_reason) == ("SCHEDULED", 0, "provider_down")
    assert "20003" in ProviderBreaker.objects.get().reason


def test_a_lost_answer_is_found_and_the_message_is_not_repeated(outside: stub.Twilio, lead: Lead, now: Any) -> None:
    outside.mood = "drops"
    processor.run(now)
    assert ContactAttempt.objects.get().status == "UNKNOWN"
    outside.mood = ""
    past = clock.now() - timedelta(minutes=20)
    ContactAttempt.objects.update(called_at=past)
    SequenceStepExecution.objects.filter(status="PENDING").update(lease_until=past)
    for message in outside.messages.values():
        message["date_created"] = past.strftime("%a, %d %b %Y %H:%M:%S +0000")
    processor.run(now)
    assert ContactAttempt.objects.get().status == "SENT"
    assert len(outside.posted) == 1
