"""Several real processes on one database."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.models import ContactAttempt
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences.enrolling import enroll
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.builders import make_integration, make_leads, make_sequence
from tests.processes import Manage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("healthy")]
NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
LEADS = 600


@pytest.fixture
def everybody_is_due(transactional_db):
    """Two steps; the first is due at noon for everybody."""
    make_integration("sandbox")
    sequence = make_sequence(2)
    enroll(sequence, [lead.pk for lead in make_leads(LEADS)], now=NOON, source="manual", actor=SYSTEM)
    return sequence


def assert_each_was_contacted_once(step: str) -> None:
    executions = SequenceStepExecution.objects.filter(step_key=step)
    assert executions.count() == LEADS
    assert set(executions.values_list("status", flat=True)) == {"SENT"}
    accepted = ContactAttempt.objects.accepted().filter(step_executions__step_key=step)
    assert accepted.count() == accepted.values("lead").distinct().count() == LEADS
    assert (
        SequenceStepExecution.objects.open().count()
        == LEADS - SequenceEnrollment.objects.filter(status="COMPLETED").count()
    )


def test_two_rounds_at_once_share_the_work_and_repeat_nothing(everybody_is_due, subprocess_manage: Manage):
    rounds = [subprocess_manage.start("process_sequences", "--now", NOON.isoformat(), "--until-idle") for _ in range(3)]
    for each in rounds:
        assert each.wait(timeout=120) == 0

    assert_each_was_contacted_once("step-1")
    assert ContactAttempt.objects.count() == LEADS


def test_the_command_prints_its_counts_as_its_last_line(everybody_is_due, subprocess_manage: Manage):
    done = subprocess_manage.run("process_sequences", "--now", NOON.isoformat())

    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout.splitlines()[-1])
    assert (counts["due"], counts["sent"]) == (LEADS, LEADS)


def test_what_waits_is_looked_at_no_earlier_than_it_is_due(everybody_is_due, subprocess_manage: Manage):
    before = (NOON - timedelta(seconds=1)).isoformat()

    done = subprocess_manage.run("process_sequences", "--now", before)

    assert json.loads(done.stdout.splitlines()[-1])["due"] == 0
    assert not ContactAttempt.objects.exists()
    assert clock.now() > NOON
