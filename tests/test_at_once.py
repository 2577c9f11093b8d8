"""The same request from several callers in the same moment: everybody gets an answer, and the rows end up right."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from campaigns.models import Campaign, CampaignLead
from leads.models import Lead
from retention_center.models import AuditEvent
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from tests import builders
from tests.wire import Wire

pytestmark = pytest.mark.django_db(transaction=True)
CALLERS = 3


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Sends one request from several callers at the same moment; the answers, lowest status first."""

    def send(method: str, path: str, bodies: list[Any]) -> list[Any]:
        callers = [(Wire(builders.make_api_key("operator")), body) for body in bodies]
        start, answers = threading.Barrier(len(callers)), []

        def ask(caller: Wire, body: Any) -> None:
            caller.client.raise_request_exception = False
            start.wait()
            try:
                answers.append(caller.send(method, path, body))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=ask, args=each) for each in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return sorted(answers, key=lambda answer: answer.status_code)

    return send


def codes(answers: list[Any]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_one_sequence_is_activated_once(at_once: Callable[..., list[Any]]) -> None:
    sequence = builders.make_sequence(2, status="DRAFT")
    answers = at_once("PATCH", f"/api/sequences/{sequence.pk}", [{"status": "ACTIVE"}] * CALLERS)
    assert set(codes(answers)) <= {200, 409}
    assert codes(answers)[0] == 200
    assert RetentionSequence.objects.get().status == "ACTIVE"
    assert AuditEvent.objects.filter(object_id=sequence.pk).count() == 1


def test_two_who_publish_steps_leave_whole_versions(at_once: Callable[..., list[Any]]) -> None:
    sequence, script = builders.make_sequence(1), builders.make_script()
    step = {"channel": "EMAIL", "scriptId": script.pk, "delayValue": 1, "delayUnit": "DAYS"}
    bodies = [{"steps": [step] * count} for count in (2, 3, 4)]
    answers = at_once("PUT", f"/api/sequences/{sequence.pk}/steps", bodies)
    assert set(codes(answers)) <= {200, 409}
    sequence.refresh_from_db()
    last = SequenceStep.objects.filter(sequence=sequence, version=sequence.version)
    assert list(last.values_list("step_order", flat=True).order_by("step_order")) == list(range(1, last.count() + 1))
    assert last.count() in {2, 3, 4}
    assert sequence.version == 1 + codes(answers).count(200)


def test_a_lead_is_assigned_once(at_once: Callable[..., list[Any]]) -> None:
    campaign = builders.make_campaign()
    ids = [lead.pk for lead in builders.make_leads(40)]
    bodies = [{"leadIds": ids}, {"leadIds": ids[::-1]}, {"leadIds": ids[20:] + ids[:20]}]
    answers = at_once("POST", f"/api/campaigns/{campaign.pk}/leads", bodies)
    assert codes(answers) == [200] * CALLERS
    assert sum(answer.json()["assigned"] for answer in answers) == CampaignLead.objects.count() == len(ids)


def test_a_lead_is_enrolled_once(at_once: Callable[..., list[Any]]) -> None:
    sequence = builders.make_sequence(2)
    ids = [lead.pk for lead in builders.make_leads(40)]
    bodies = [{"leadIds": ids}, {"leadIds": ids[::-1]}, {"leadIds": ids[20:] + ids[:20]}]
    answers = at_once("POST", f"/api/sequences/{sequence.pk}/enrollments", bodies)
    assert set(codes(answers)) <= {200, 201}
    assert sum(answer.json()["enrolled"] for answer in answers) == SequenceEnrollment.objects.count() == len(ids)
    assert SequenceStepExecution.objects.count() == len(ids)


def test_one_enrollment_is_paused_once(at_once: Callable[..., list[Any]]) -> None:
    enrollment = builders.make_enrollment(builders.make_sequence(2))
    answers = at_once("PATCH", f"/api/enrollments/{enrollment.pk}", [{"status": "PAUSED"}] * CALLERS)
    assert set(codes(answers)) <= {200, 409}
    assert codes(answers)[0] == 200
    assert SequenceEnrollment.objects.get().status == "PAUSED"


def test_one_campaign_is_paused_by_one_and_deleted_by_none(at_once: Callable[..., list[Any]]) -> None:
    campaign = builders.make_campaign()
    moves = [{"status": "PAUSED"}, {"status": "COMPLETED"}, {"status": "PAUSED"}]
    answers = at_once("PATCH", f"/api/campaigns/{campaign.pk}", moves)
    assert set(codes(answers)) <= {200, 409}
    assert Campaign.objects.get().status in {"PAUSED", "COMPLETED"}


def test_one_lead_changed_and_deleted_at_once_is_whole(at_once: Callable[..., list[Any]]) -> None:
    lead = builders.make_lead()
    answers = at_once(
        "PATCH", f"/api/leads/{lead.pk}", [{"firstName": "A"}, {"lastName": "B"}, {"status": "CONTACTED"}]
    )
    assert set(codes(answers)) <= {200, 409}
    lead = Lead.objects.get()
    changed = [lead.first_name == "A", lead.last_name == "B", lead.status == "CONTACTED"]
    assert changed.count(True) == codes(answers).count(200)
