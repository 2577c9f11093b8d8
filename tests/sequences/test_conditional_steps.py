"""Conditions where they decide: when a step is due, over the run's own history."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import ContactAttempt
from leads.models import Lead
from retention_center.audit import SYSTEM
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import RetentionSequence, SequenceStep, SequenceStepExecution
from sequences.publishing import publish
from sequences.specs import StepSpec
from tests.builders import make_conversion, make_integration, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
DAY = timedelta(days=1)
NOT_CLICKED = {"field": "step.step-1.result", "op": "is_not", "value": "clicked"}


@pytest.fixture(autouse=True)
def sandbox(db):
    return make_integration("sandbox")


def conditional(*conditions: dict, steps: int = 2) -> RetentionSequence:
    """Steps a day apart; the second has the conditions."""
    return make_sequence([{"conditions": list(conditions)} if number == 1 else {} for number in range(steps)])


def enter(sequence: RetentionSequence, leads: list[Lead], now: datetime) -> None:
    assert enroll(
        sequence, [lead.pk for lead in leads], now=now, source="manual", actor=SYSTEM
    ).enrolled == len(leads)  # fmt: skip


def second(lead: Lead) -> SequenceStepExecution:
    return lead.step_executions.get(step_key="step-2")


def flag(lead: Lead, **changes) -> None:
    """As a provider's report would: facts of the first attempt."""
    attempt = lead.contact_attempts.get()
    attempt.result |= changes.pop("result", {})
    ContactAttempt.objects.filter(pk=attempt.pk).update(result=attempt.result, **changes)


def test_whoever_clicked_is_left_out_with_the_condition_in_words_and_the_run_goes_on(now):
    sequence = conditional(NOT_CLICKED, steps=3)
    clicked, quiet = make_leads(2)
    enter(sequence, [clicked, quiet], now)
    processor.run(now)
    flag(clicked, result={"clicked": True})

    counts = processor.run(now + DAY)

    assert (counts["sent"], counts["skipped"]) == (1, 1)
    assert second(quiet).status == "SENT"
    left_out = second(clicked)
    assert (left_out.status, left_out.reason) == ("SKIPPED", "condition_not_met")
    assert left_out.why == "The step's condition was not met: if step 1 was not clicked"
    assert left_out.result["unmetCondition"] == NOT_CLICKED
    assert clicked.step_executions.scheduled().get().step_key == "step-3"


@pytest.mark.parametrize(
    ("result", "came", "is_sent"),
    [
        ("sent", {}, True),
        ("delivered", {}, False),
        ("delivered", {"status": "DELIVERED"}, True),
        ("replied", {"result": {"replied": True}}, True),
        ("clicked", {"status": "DELIVERED"}, False),
        ("failed", {"status": "BOUNCED"}, True),
        ("failed", {"status": "DELIVERED"}, False),
    ],
)
def test_what_came_of_the_first_step_decides_about_the_second(now, result, came, is_sent):
    sequence, lead = conditional(NOT_CLICKED | {"op": "is", "value": result}), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    flag(lead, **came)

    processor.run(now + DAY)

    assert second(lead).status == ("SENT" if is_sent else "SKIPPED")


@pytest.mark.parametrize(
    ("field", "value", "lead", "is_sent"),
    [
        ("status", "CONTACTED", {}, True),  # the first step made it so
        ("status", "NEW", {}, False),
        ("source", "CRM", {"source": "CRM"}, True),
        ("source", "CRM", {"source": "API"}, False),
        ("meta.plan", "gold", {"meta": {"plan": "Gold"}}, True),
        ("meta.plan", "gold", {"meta": {}}, False),
    ],
)
def test_the_lead_is_looked_at_when_the_step_is_due(now, field, value, lead, is_sent):
    sequence, person = conditional({"field": field, "op": "is", "value": value}), make_lead(**lead)
    enter(sequence, [person], now)
    processor.run(now)
    processor.run(now + DAY)
    assert second(person).status == ("SENT" if is_sent else "SKIPPED")


def test_a_change_before_the_step_is_due_counts_whatever_stood_when_it_was_planned(now):
    sequence, lead = conditional({"field": "meta.plan", "op": "is", "value": "gold"}), make_lead(meta={"plan": "gold"})
    enter(sequence, [lead], now)
    processor.run(now)
    Lead.objects.filter(pk=lead.pk).update(meta={"plan": "none"})
    processor.run(now + DAY)
    assert second(lead).reason == "condition_not_met"


@pytest.mark.parametrize(("standing", "is_sent"), [("pending", False), ("confirmed", False), ("rejected", True)])
def test_if_not_converted_counts_what_is_pending_or_confirmed(now, standing, is_sent):
    sequence, lead = conditional({"field": "converted", "op": "is", "value": False}), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    make_conversion(lead, standing=standing, revenue=0)
    Lead.objects.filter(pk=lead.pk).update(status="CONVERTED" if standing == "confirmed" else "CONTACTED")
    if standing == "confirmed":  # staff enrolled a buyer by hand after the purchase: INV-16 looks at runs before it
        lead.sequence_enrollments.update(enrolled_at=now + 100 * 365 * DAY)
    processor.run(now + DAY)
    assert second(lead).status == ("SENT" if is_sent else "SKIPPED")


def test_a_step_that_was_left_out_has_no_result(now):
    no_phone = make_lead(phone=None)
    sequence = make_sequence([{"channel": "SMS"}, {"conditions": [NOT_CLICKED | {"op": "exists", "value": False}]}])
    enter(sequence, [no_phone], now)
    processor.run(now)
    processor.run(now + DAY)
    assert [step.status for step in no_phone.step_executions.order_by("step_key")] == ["SKIPPED", "SENT"]


def test_a_new_run_does_not_remember_what_came_of_the_last_one(now):
    sequence, lead = conditional(NOT_CLICKED), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    flag(lead, result={"clicked": True})
    processor.run(now + DAY)
    assert second(lead).status == "SKIPPED"

    enter(sequence, [lead], now + 2 * DAY)
    processor.run(now + 2 * DAY)
    processor.run(now + 3 * DAY)

    assert lead.step_executions.get(step_key="step-2", run_no=2).status == "SENT"


def test_a_step_that_a_later_version_removed_is_judged_by_the_runs_own_history(now):
    """Publishing refuses such a condition; people of a pinned version may still meet one."""
    sequence = conditional(NOT_CLICKED, steps=2)
    clicked, quiet = make_leads(2)
    enter(sequence, [clicked, quiet], now)
    processor.run(now)
    flag(clicked, result={"clicked": True})
    kept = sequence.steps.get(step_order=2)
    spec = StepSpec("EMAIL", kept.script_id, kept.delay_value, kept.delay_unit, key="step-2")
    publish(sequence, [spec], now=now, actor=SYSTEM)
    SequenceStep.objects.filter(sequence=sequence, version=2).update(conditions=[NOT_CLICKED])

    processor.run(now + DAY)

    assert second(quiet).status == "SENT"
    assert second(clicked).why == "The step's condition was not met: if a removed step was not clicked"


def test_conditions_nobody_can_read_send_nothing(now):
    sequence, lead = conditional({"colour": "red"}), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    processor.run(now + DAY)
    assert second(lead).why == "The step's condition was not met: if a condition that cannot be read holds"


def test_conditions_cost_two_queries_a_batch_and_none_where_there_are_none(now):
    def queries(count: int, *conditions: dict) -> int:
        sequence = make_sequence([{"conditions": list(conditions)}])
        enter(sequence, make_leads(count), now)
        with CaptureQueriesContext(connection) as captured:
            processor.run(now)
        assert not sequence.executions.scheduled().exists()
        return len(captured)

    of_the_lead = {"field": "source", "op": "is", "value": "MANUAL"}
    results = NOT_CLICKED | {"field": "step.step-0.result"}
    converted = {"field": "converted", "op": "is", "value": False}
    queries(1)  # the first round ever makes the suppression key and the first heartbeat
    plain = queries(2)
    assert queries(2, of_the_lead) == plain
    assert queries(2, results, converted) == queries(50, results, converted) == plain + 2


def test_staff_read_the_condition_before_and_after(now, as_viewer):
    sequence, lead = conditional(NOT_CLICKED), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    enrollment = lead.sequence_enrollments.get()
    assert "Step 2, Script" in (page := as_viewer.get(enrollment.get_absolute_url()).content.decode())
    assert ", only if step 1 was not clicked." in page
    assert "if step 1 was not clicked" in as_viewer.get(f"/leads/{lead.pk}/next/").content.decode()

    flag(lead, result={"clicked": True})
    processor.run(now + DAY)

    told = "step&#x27;s condition was not met: if step 1 was not clicked"
    assert f"The {told}" in as_viewer.get(enrollment.get_absolute_url()).content.decode()
    assert f"skipped: the {told}" in as_viewer.get(f"/leads/{lead.pk}/").content.decode()
    assert told in as_viewer.get(f"/sequences/{sequence.pk}/executions/").content.decode()


def test_the_api_tells_which_condition_left_the_step_out(now, api):
    sequence, lead = conditional({"field": "source", "op": "is", "value": "CRM"}), make_lead()
    enter(sequence, [lead], now)
    processor.run(now)
    processor.run(now + DAY)
    enrollment = lead.sequence_enrollments.get()
    said = api("viewer").get(f"/api/enrollments/{enrollment.pk}").json()["executions"][-1]
    assert (said["status"], said["reason"]) == ("SKIPPED", "condition_not_met")
    assert said["why"] == "The step's condition was not met: if source is “CRM”"
