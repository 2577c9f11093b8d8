"""One piece of work that nobody can work out fails alone: it waits for staff, and all others go on."""

from datetime import timedelta

import pytest

from campaigns.models import ContactAttempt
from leads.models import Lead
from retention_center.audit import SYSTEM
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_attempt, make_integration, make_leads, make_script, make_sequence

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def three(now):
    make_integration("sandbox")
    script = make_script(content="Hello {{ firstName }}{% if meta.vip %}, dear{% endif %}")
    leads = make_leads(3)
    enroll(make_sequence([{"script": script}]), [lead.pk for lead in leads], now=now, source="manual", actor=SYSTEM)
    return leads


def of(lead: Lead) -> SequenceStepExecution:
    return SequenceStepExecution.objects.get(lead=lead)


def test_a_lead_whose_data_cannot_be_read_waits_for_staff_and_the_others_are_sent(three, now):
    Lead.objects.filter(pk=three[1].pk).update(meta=["not", "an", "object"])

    counts = processor.run(now)

    assert (counts["sent"], counts["held"]) == (2, 1)
    held = of(three[1])
    assert (held.status, held.held_reason, held.due_at, held.held_until) == ("SCHEDULED", "set_aside", None, None)
    assert list(SequenceStepExecution.objects.waiting_for_staff()) == [held]
    assert processor.run(now)["due"] == 0


def test_a_contact_the_database_refuses_is_set_aside_and_the_others_are_sent(three, now):
    poison = of(three[1])
    written = now - timedelta(days=30)
    make_attempt(
        three[1], work_id=poison.pk, try_no=1, origin="sequence", started_at=written
    )  # so its intent cannot be

    counts = processor.run(now)

    assert (counts["sent"], counts["held"]) == (2, 1)
    assert of(three[1]).held_reason == "set_aside"
    assert ContactAttempt.objects.filter(status="SENT", lead__in=[three[0], three[2]]).count() == 2
