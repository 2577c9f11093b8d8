"""A provider that fails for everybody: what is due waits, costs no try, and leaves by itself once it works again."""

import re
from datetime import timedelta

import pytest

from campaigns.models import ContactAttempt
from integrations import breaker
from integrations.models import IntegrationConfig, ProviderBreaker, ProviderPace
from integrations.providers.base import NotSent, OutcomeUnknown
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences import outages, processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_leads, make_sequence
from tests.stub_provider import PATH, StubProvider

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR = timedelta(hours=1)
LEADS = 8


@pytest.fixture(autouse=True)
def stub(db, settings):
    StubProvider.reset()
    settings.PROVIDERS = {"stub": PATH}
    IntegrationConfig.objects.create(provider="stub", type="sandbox", is_active=True, config={"ratePerSecond": 3})
    yield StubProvider
    StubProvider.reset()


@pytest.fixture(autouse=True)
def entered(stub, now):
    sequence = make_sequence(1)
    enroll(sequence, [lead.pk for lead in make_leads(LEADS)], now=now, source="manual", actor=SYSTEM)
    return sequence


def fails(error: Exception) -> None:
    def answer(_message) -> None:
        raise error

    StubProvider.answer = staticmethod(answer)


def recovers() -> None:
    """It answers again, and the time of the next try has come."""
    StubProvider.reset()
    ProviderBreaker.objects.update(retry_at=clock.now())
    ProviderPace.objects.all().delete()


def test_bad_credentials_hold_everything_at_once_and_cost_nobody_a_try(now):
    fails(NotSent("Bad key.", account_wide=True))
    processor.run(now, until_idle=True)

    assert ContactAttempt.objects.count() == 6  # one batch; two seconds' worth of the pace
    steps = SequenceStepExecution.objects.all()
    assert set(steps.values_list("status", "failures")) == {("SCHEDULED", 0)}
    assert set(steps.values_list("held_reason", flat=True)) == {"provider_down"}
    assert all(step.due_at > now for step in steps)


@pytest.mark.parametrize("error", [NotSent("Refused.", reason="not_handed_over"), OutcomeUnknown("Timed out.")])
def test_failures_in_a_row_hold_the_rest(error, now):
    fails(error)
    processor.run(now, until_idle=True)

    assert ContactAttempt.objects.count() == 6
    assert SequenceStepExecution.objects.filter(held_reason="provider_down", failures=0).count() >= 2


def test_a_long_outage_skips_nobody(now):
    fails(NotSent("Connection refused.", reason="not_handed_over"))
    for hours in range(3):
        processor.run(now + hours * HOUR, until_idle=True)
        ProviderBreaker.objects.update(retry_at=clock.now())
        ProviderPace.objects.all().delete()

    assert set(SequenceStepExecution.objects.values_list("status", flat=True)) == {"SCHEDULED"}
    recovers()
    processor.run(now + 4 * HOUR, until_idle=True)
    processor.run(now + 5 * HOUR, until_idle=True)
    assert ContactAttempt.objects.filter(status="SENT").count() == LEADS


def test_what_was_claimed_before_it_failed_is_not_thrown_after_the_rest(now):
    asked = []

    def answer(message) -> None:
        asked.append(message.key)
        raise NotSent("Bad key.", account_wide=True)

    StubProvider.answer = staticmethod(answer)
    processor.run(now, until_idle=True)
    assert len(asked) == StubProvider.parallel


def test_one_message_tries_and_once_it_goes_through_the_others_follow(now):
    fails(NotSent("Bad key.", account_wide=True))
    processor.run(now)
    before = ContactAttempt.objects.count()
    ProviderBreaker.objects.update(retry_at=clock.now())
    ProviderPace.objects.all().delete()
    processor.run(now + HOUR, until_idle=True)
    assert ContactAttempt.objects.count() == before + 1

    recovers()
    processor.run(now + 2 * HOUR, until_idle=True)
    processor.run(now + 3 * HOUR, until_idle=True)
    assert ContactAttempt.objects.filter(status="SENT").count() == LEADS
    assert all(len(arrived) == 1 for arrived in StubProvider.arrived.values())
    assert not breaker.outages()


def test_what_an_outage_makes_late_is_for_staff(now):
    fails(NotSent("Bad key.", account_wide=True))
    processor.run(now)
    recovers()
    processor.run(now + 25 * HOUR, until_idle=True)

    assert set(SequenceStepExecution.objects.values_list("held_reason", flat=True)) == {"late"}


def test_the_others_may_not_be_refused_for_one_bad_address(now):
    fails(NotSent("No such mailbox.", reason="invalid_address", permanent=True))
    processor.run(now, until_idle=True)

    assert not breaker.outages()
    assert ContactAttempt.objects.count() == LEADS


def test_staff_are_told_on_every_page_and_may_have_it_tried_at_once(as_operator, now):
    fails(NotSent("Bad key.", account_wide=True))
    processor.run(now, until_idle=True)

    text = re.sub(r"<[^>]*>|\s+", " ", as_operator.get("/leads/").content.decode())
    assert re.search(r"stub fails for everybody since .*: +Bad key\. +8 contacts wait", text), text[:3000]
    assert outages.standing()[0].waiting == LEADS

    assert breaker.try_now("stub", SYSTEM, clock.now())
    assert not SequenceStepExecution.objects.filter(due_at__gt=clock.now()).exists()
    assert not breaker.try_now("stub", SYSTEM, clock.now())
    assert AuditEvent.objects.filter(action="try now", object_label="stub").count() == 1
