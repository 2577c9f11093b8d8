"""A worker that is asked to end in the middle of a mailing finishes what is under way, and begins nothing new."""

import os
import signal

import pytest

from campaigns.models import ContactAttempt, ContactPolicy
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_integration, make_leads, make_sequence
from tests.integrations.smtp_server import smtp_server
from tests.processes import Manage, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("healthy")]
LEADS = 80


@pytest.mark.parametrize(
    ("command", "number"), [(("process_sequences", "--until-idle"), signal.SIGTERM), (("run_worker",), signal.SIGINT)]
)
def test_every_call_that_was_made_is_recorded_and_the_rest_stays_due(command, number, subprocess_manage: Manage):
    ContactPolicy.objects.create(contact_hours_start="00:00", contact_hours_end="24:00")
    sequence = make_sequence(1)
    enroll(sequence, [lead.pk for lead in make_leads(LEADS)], now=clock.now(), source="manual", actor=SYSTEM)
    with smtp_server() as (postmaster, port):
        postmaster.seconds = 0.2
        make_integration("smtp", host="127.0.0.1", port=port)
        worker = subprocess_manage.start(*command)
        wait_until(lambda: len(postmaster.received) > 4)
        os.kill(worker.pid, number)
        assert worker.wait(timeout=5) == 0

    arrived = len(postmaster.received)
    assert arrived < LEADS
    attempts = ContactAttempt.objects.all()
    assert attempts.filter(status="SENT").count() == arrived
    assert set(attempts.exclude(status="SENT").values_list("status", "reason")) <= {("FAILED", "not_called")}
    still_due = SequenceStepExecution.objects.due(clock.now()).filter(failures=0)
    assert still_due.count() == LEADS - arrived
