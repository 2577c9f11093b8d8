"""The doctor finds every planted fault, and nothing in a house that is in order."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, models

from campaigns import policy_proof
from campaigns.models import CampaignLead, ContactAttempt, SendingPause
from conversions.models import Conversion
from integrations.models import InboundEvent
from leads.models import ImportJob, Lead, LeadWords
from leads.suppression import digest
from retention_center import audit, doctor
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent, Secret
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
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
    make_campaign_lead(due_at=clock.now() + LONG_AGO)
    make_conversion(make_lead(status="CONVERTED"), confirmed_at=now)
    InboundEvent.objects.create(
        provider="keitaro", kind="conversion", event_key="1", status="APPLIED", processed_at=now
    )


def found() -> set[str]:
    return {finding.check.id for finding in doctor.examine(clock.now())}


def test_a_house_in_order_is_clean(in_order):
    assert found() == set()


SNAPSHOT = {
    "at": "2026-03-11T15:00:00+00:00",
    "localTime": "2026-03-11 15:00",
    "hours": [[480, 1260]],
    "days": ["WED"],
    "contactsToday": 0,
    "cap": 3,
    "gapMs": 0,
    "lastContactAt": "2026-03-11T14:00:00+00:00",
}


def delete_before(lead: Lead) -> None:
    Lead.objects.filter(pk=lead.pk).update(deleted_at=clock.now())
    audit.record(SYSTEM, "delete", lead)
    AuditEvent.objects.filter(object_id=lead.pk, action="delete").update(at=clock.now() - LONG_AGO)


def pass_by(lead: Lead) -> None:
    """A trigger's cursor stands behind a lead that it never took."""
    sequence = make_sequence(1, trigger_type="new_lead", trigger_config={}, changed_cursor=clock.now())
    RetentionSequence.objects.filter(pk=sequence.pk).update(updated_at=lead.matched_at)


def erased_buyer() -> None:
    make_conversion(make_lead(status="CONVERTED", erased_at=clock.now()), postback_data={"ip": "203.0.113.9"})


def make_import(*, lead: Lead | None = None, outcome: str = "created", cells: dict | None = None) -> None:
    importing = ImportJob.objects.create(filename="leads.csv", region="US", rows=1, processed=1, created=1)
    importing.import_rows.create(number=1, outcome=outcome, lead=lead, cells=cells or {})


def write(row: models.Model, column: str, text: str) -> None:
    """Past the model, as somebody with a database shell would."""
    with connection.cursor() as cursor:
        sql = f"UPDATE {row._meta.db_table} SET {column} = %s WHERE {row._meta.pk.column} = %s"
        cursor.execute(sql, [text, row.pk])


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
    "INV-18v": lambda: (RetentionSequence.objects.update(version=2), SequenceEnrollment.objects.update(version=2)),
    "INV-21": lambda: Lead.objects.update(erased_at=clock.now()),
    "INV-21s": lambda: Lead.objects.first().suppressions.create(address_digest="", reason="x", source="x"),
    "L1": lambda: SequenceStepExecution.objects.scheduled().update(due_at=clock.now() - LONG_AGO),
    "L1h": lambda: SequenceStepExecution.objects.scheduled().update(due_at=None),
    "L2": lambda: ContactAttempt.objects.update(status="PENDING", recorded_at=clock.now() - LONG_AGO),
    "INV-2h": lambda: make_attempt(try_no=2, called_at=clock.now(), provider_ref="x"),
    "L1p": lambda: CampaignLead.objects.update(due_at=None),
    "L1c": lambda: CampaignLead.objects.update(due_at=clock.now() - LONG_AGO),
    "L2c": lambda: CampaignLead.objects.update(
        due_at=None, is_in_flight=True, fence=1, lease_until=clock.now() - LONG_AGO
    ),
    "L2h": lambda: make_attempt(status="UNKNOWN", called_at=clock.now(), recorded_at=clock.now() - LONG_AGO),
    "L2s": lambda: SequenceStepExecution.objects.open().update(
        status="PENDING", fence=1, lease_until=clock.now() - LONG_AGO, claimed_by="somebody"
    ),
    "L3": lambda: InboundEvent.objects.update(status="WAITING", received_at=clock.now() - LONG_AGO),
    "WHY": lambda: SequenceStepExecution.objects.scheduled().update(status="SKIPPED"),
    "WHY-C": lambda: SequenceStepExecution.objects.update(status="SKIPPED", reason="condition_not_met"),
    "INV-4d": lambda: delete_before(ContactAttempt.objects.first().lead),
    "INV-5": lambda: ContactAttempt.objects.update(policy_snapshot=SNAPSHOT | {"localTime": "2026-03-11 07:59"}),
    "INV-6g": lambda: ContactAttempt.objects.update(policy_snapshot=SNAPSHOT | {"gapMs": 3_700_000}),
    "INV-8": lambda: SendingPause.objects.create(scope="channel", target="EMAIL", created_at=clock.now() - LONG_AGO),
    "INV-8e": lambda: SequenceEnrollment.objects.update(status="PAUSED", updated_at=clock.now() - LONG_AGO),
    "INV-8s": lambda: RetentionSequence.objects.update(status="PAUSED", updated_at=clock.now() - LONG_AGO),
    "INV-9r": lambda: SequenceEnrollment.objects.update(status="CANCELLED", reason=""),
    "INV-19": lambda: Lead.objects.filter(pk=Lead.objects.first().pk).update(email="Ada@Example.com"),
    "INV-20": lambda: pass_by(make_lead(matched_at=clock.now() - LONG_AGO)),
    "INV-21a": lambda: Lead.objects.filter(contact_attempts__isnull=False).update(erased_at=clock.now()),
    "INV-21c": lambda: erased_buyer(),
    "INV-21e": lambda: InboundEvent.objects.update(
        lead_id=make_lead(erased_at=clock.now()).pk, payload={"name": "Ada"}, status="APPLIED"
    ),
    "INV-21p": lambda: suppress(make_lead(erased_at=clock.now())),
    "INV-21r": lambda: make_import(lead=make_lead(erased_at=clock.now()), cells={"name": "Ada"}),
    "INV-22": lambda: write(make_integration("smtp"), "config", '{"password": "clear"}'),
    "INV-22s": lambda: write(Secret.objects.create(name="own", value="secret"), "value", "secret"),
    "INV-23": lambda: AuditEvent.objects.create(actor_name="", via="page", action="change", object_type="lead"),
    "INV-24": lambda: SequenceEnrollment.objects.update(current_step=7),
    "INV-24i": lambda: make_import(outcome="updated"),
    "INV-21w": lambda: LeadWords.objects.filter(lead=make_lead(erased_at=clock.now())).update(text="ada"),
    "INV-24w": lambda: LeadWords.objects.first().delete(),
    "L2f": lambda: SequenceStepExecution.objects.open().update(
        status="PENDING", fence=1, lease_until=clock.now() + LONG_AGO, claimed_by="somebody"
    ),
    "L5": lambda: make_attempt(status="UNKNOWN", called_at=clock.now(), recorded_at=clock.now() - LONG_AGO),
}
HELD_BY_CONSTRAINTS = {"INV-1"}  # the schema's own test is below


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


def test_a_channels_own_cap_is_checked_beside_that_of_all_channels(in_order):
    kept = SNAPSHOT | {"contactsToday": 1, "channelCap": 1, "contactsOnChannel": 1}
    ContactAttempt.objects.update(policy_snapshot=kept)
    assert found() == {"INV-6"}
    ContactAttempt.objects.update(policy_snapshot=kept | {"contactsOnChannel": 0})
    assert found() == set()


def test_a_constraint_that_was_dropped_is_found(in_order):
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX lead_email_once")
    assert found() == {"INV-1"}


@pytest.mark.parametrize(
    ("hours", "days", "weekday", "at", "is_open"),
    [
        ([[480, 1260]], ["WED"], 2, "08:00", True),
        ([[480, 1260]], ["WED"], 2, "21:00", False),
        ([[480, 1260]], ["TUE"], 2, "12:00", False),
        ([[480, 1260], [600, 720]], ["WED"], 2, "09:00", False),
        ([[1200, 120]], ["WED"], 3, "01:59", True),  # Wednesday's night goes on into Thursday
        ([[1200, 120]], ["WED"], 2, "01:59", False),
        ([[480, 1440]], ["SUN"], 6, "23:59", True),
        ([[0, 1440], [1320, 360]], ["FRI"], 5, "02:00", True),  # Friday's night, beside hours that are always open
        ([[0, 1440], [1320, 360]], ["FRI"], 4, "02:00", False),
    ],
)
def test_windows_are_judged_on_the_local_clock(hours, days, weekday, at, is_open):
    assert policy_proof.is_open(hours, days, weekday, at) is is_open


REPAIRED = {
    "INV-7", "INV-7e", "INV-9", "INV-9c", "INV-9d", "INV-14a", "INV-16", "INV-16r", "INV-21", "INV-21a", "INV-21c",
    "INV-18v", "INV-21e", "INV-21p", "INV-21r", "INV-24", "L1h", "L1p", "L2f",
}  # fmt: skip


@pytest.mark.parametrize("fault", sorted(REPAIRED))
def test_what_can_be_repaired_is_repaired_once_and_audited(in_order, fault):
    FAULTS[fault]()
    before = AuditEvent.objects.filter(action="repair").count()
    findings = doctor.examine(clock.now())
    assert [changed for _finding, changed in doctor.repair(findings, clock.now()) if changed]

    assert fault not in found()
    assert AuditEvent.objects.filter(action="repair", actor_name="doctor").count() > before


def test_only_these_are_repaired():
    assert {check.id for check in doctor.checks() if check.repair} == REPAIRED


def test_the_missing_step_is_the_one_that_came_next(in_order):
    SequenceStepExecution.objects.open().delete()
    with pytest.raises(SystemExit):
        call_command("doctor")
    call_command("doctor", "--fix")

    keys = SequenceStepExecution.objects.open().values_list("step_key", flat=True)
    assert set(keys) == {"step-2"}


def test_the_command_tells_what_it_repaired_and_what_only_people_can(in_order, capsys):
    SequenceStepExecution.objects.open().delete()
    ContactAttempt.objects.update(provider_ref=None)
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", "--fix")

    *lines, last = capsys.readouterr().out.splitlines()
    assert ended.value.code == 2
    assert "INV-7 repaired: 3" in lines
    assert any(line.startswith("INV-13 not repaired: ") for line in lines)
    assert json.loads(last)["violations"] == 1


def test_a_database_that_cannot_be_asked_is_its_own_answer(monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", fail)
    with pytest.raises(CommandError) as refused:
        call_command("doctor")
    assert refused.value.returncode == 3
