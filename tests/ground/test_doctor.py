"""The doctor finds every planted fault, and nothing in a house that is in order."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from campaigns.models import CampaignLead, ContactAttempt
from conversions.models import Conversion
from integrations.models import InboundEvent
from leads.models import Lead
from leads.suppression import digest
from retention_center import doctor
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_campaign_lead,
    make_conversion,
    make_integration,
    make_lead,
    make_leads,
    make_sequence,
)

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=3)


@pytest.fixture
def in_order():
    """A sequence half way through, a campaign, a buyer and an event: everything as it should be."""
    now = clock.now().replace(hour=12)
    make_integration("sandbox")
    sequence = make_sequence(2)
    enroll(sequence, [lead.pk for lead in make_leads(3)], now=now, source="manual", actor=SYSTEM)
    processor.run(now)
    make_campaign_lead()
    make_conversion(make_lead(status="CONVERTED"), confirmed_at=now)
    InboundEvent.objects.create(
        provider="keitaro", kind="conversion", event_key="1", status="APPLIED", processed_at=now
    )


def found() -> set[str]:
    return {finding.check.id for finding in doctor.examine(clock.now())}


def test_a_house_in_order_is_clean(in_order):
    assert found() == set()


def suppress(lead: Lead) -> None:
    own = {"address": lead.email, "address_digest": digest(lead.email), "reason": "x", "source": "x"}
    lead.suppressions.create(**own, recorded_at=clock.now() - LONG_AGO)


FAULTS: dict[str, Callable[[], object]] = {
    "INV-2": lambda: make_attempt(
        try_no=2, work_id=ContactAttempt.objects.first().work_id, origin="sequence", called_at=clock.now()
    ),
    "INV-3": lambda: ContactAttempt.objects.update(deadline_at=clock.now() - LONG_AGO),
    "INV-3c": lambda: ContactAttempt.objects.update(called_at=None),
    "INV-4": lambda: suppress(ContactAttempt.objects.first().lead),
    "INV-6": lambda: make_attempt(policy_snapshot={"contactsToday": 3, "cap": 3}, called_at=clock.now()),
    "INV-6c": lambda: ContactAttempt.objects.update(was_unsent=True),
    "INV-7": lambda: SequenceStepExecution.objects.open().delete(),
    "INV-7e": lambda: SequenceEnrollment.objects.update(status="CANCELLED"),
    "INV-9": lambda: SequenceEnrollment.objects.update(status="COMPLETED"),
    "INV-9c": lambda: CampaignLead.objects.update(status="COMPLETED"),
    "INV-9d": lambda: CampaignLead.objects.update(status="COMPLETED", completed_at=clock.now(), due_at=clock.now()),
    "INV-10": lambda: SequenceStepExecution.objects.open().update(
        status="PENDING", fence=1, lease_until=clock.now(), claimed_by=""
    ),
    "INV-13": lambda: ContactAttempt.objects.update(provider_ref=None),
    "INV-14": lambda: InboundEvent.objects.update(status="UNMATCHED"),
    "INV-14a": lambda: InboundEvent.objects.update(processed_at=None),
    "INV-15": lambda: Conversion.objects.update(standing="rejected"),
    "INV-15a": lambda: Conversion.objects.update(contact_attempt=ContactAttempt.objects.first()),
    "INV-16": lambda: Lead.objects.update(status="CONTACTED"),
    "INV-16r": lambda: make_conversion(SequenceEnrollment.objects.first().lead, confirmed_at=clock.now() + LONG_AGO),
    "INV-18": lambda: SequenceStepExecution.objects.update(lead=make_lead()),
    "INV-21": lambda: Lead.objects.update(erased_at=clock.now()),
    "INV-21s": lambda: Lead.objects.first().suppressions.create(address_digest="", reason="x", source="x"),
    "L1": lambda: SequenceStepExecution.objects.scheduled().update(due_at=clock.now() - LONG_AGO),
    "L1h": lambda: SequenceStepExecution.objects.scheduled().update(due_at=None),
    "L2": lambda: ContactAttempt.objects.update(status="PENDING", recorded_at=clock.now() - LONG_AGO),
    "INV-2h": lambda: make_attempt(try_no=2, called_at=clock.now(), provider_ref="x"),
    "L1c": lambda: CampaignLead.objects.update(due_at=clock.now() - LONG_AGO),
    "L2c": lambda: CampaignLead.objects.update(is_in_flight=True, fence=1, lease_until=clock.now() - LONG_AGO),
    "L2h": lambda: make_attempt(status="UNKNOWN", called_at=clock.now(), recorded_at=clock.now() - LONG_AGO),
    "L2s": lambda: SequenceStepExecution.objects.open().update(
        status="PENDING", fence=1, lease_until=clock.now() - LONG_AGO, claimed_by="somebody"
    ),
    "L3": lambda: InboundEvent.objects.update(status="WAITING", received_at=clock.now() - LONG_AGO),
    "WHY": lambda: SequenceStepExecution.objects.scheduled().update(status="SKIPPED"),
    "WHY-C": lambda: SequenceStepExecution.objects.update(status="SKIPPED", reason="condition_not_met"),
}
HELD_BY_CONSTRAINTS = {"INV-19", "INV-19c"}  # the database lets nobody plant these


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_planted_fault_is_found(in_order, fault):
    FAULTS[fault]()
    assert fault in found()


def test_every_check_has_a_planted_fault_or_a_constraint():
    assert {check.id for check in doctor.checks()} == FAULTS.keys() | HELD_BY_CONSTRAINTS


def test_the_command_tells_what_is_broken_and_by_whom(in_order, capsys):
    SequenceStepExecution.objects.open().delete()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")

    *lines, last = capsys.readouterr().out.splitlines()
    assert ended.value.code == 2
    assert json.loads(last)["violations"] == 1
    assert lines[0].startswith("INV-7 violation: Whoever is in a sequence has exactly one open step. Broken by 3: ")


def test_the_command_is_silent_about_a_house_in_order(in_order, capsys):
    call_command("doctor", "--only", "INV-7", "INV-9")
    assert json.loads(capsys.readouterr().out)["invariants"] == 2


def test_an_unknown_check_is_named():
    with pytest.raises(CommandError, match="There is no check INV-99"):
        call_command("doctor", "--only", "INV-99")
