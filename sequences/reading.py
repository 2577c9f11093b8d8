"""Due executions with their enrollment and lead, read and locked in one statement, without what is not needed."""

from django.db.models import QuerySet

from leads.models import Lead
from retention_center.lib.rows import instance, read
from sequences.models import SequenceEnrollment, SequenceStep, SequenceStepExecution

EXECUTION = (
    "id", "enrollment_id", "sequence_id", "lead_id", "step_id", "step_key", "run_no", "scheduled_at", "held_reason",
    "held_until", "held_since", "hold_count", "try_no", "failures", "fence",
)  # fmt: skip
ENROLLMENT = ("id", "sequence_id", "lead_id", "status", "run_no", "version")
LEAD = (
    "id", "external_id", "first_name", "last_name", "email", "phone", "source", "status", "time_zone", "phone_zones",
    "meta", "deleted_at",
)  # fmt: skip
_STEP, _ENROLLMENT, _LEAD = EXECUTION.index("step_id"), len(EXECUTION), len(EXECUTION) + len(ENROLLMENT)
COLUMNS = (*EXECUTION, *(f"enrollment__{name}" for name in ENROLLMENT), *(f"lead__{name}" for name in LEAD))


def locked_steps(executions: QuerySet[SequenceStepExecution]) -> list[SequenceStepExecution]:
    """The executions that nobody else is at work on, each with its enrollment, lead and step. Lead, enrollment and
    execution are locked (PostgreSQL) as they are read, in their newest version; rows whose lead another worker or a
    member of staff holds are left out.

    Skipping never waits, so the order of locks cannot make a deadlock.
    """
    rows = read(executions.select_for_update(skip_locked=True), COLUMNS)
    steps = SequenceStep.objects.select_related("script__campaign").in_bulk({row[_STEP] for row in rows})
    return [_with_relations(row, steps[row[_STEP]]) for row in rows]


def _with_relations(row: tuple, step: SequenceStep) -> SequenceStepExecution:
    lead = instance(Lead, dict(zip(LEAD, row[_LEAD:], strict=True)))
    enrollment = instance(SequenceEnrollment, dict(zip(ENROLLMENT, row[_ENROLLMENT:_LEAD], strict=True)), lead=lead)
    values = dict(zip(EXECUTION, row[:_ENROLLMENT], strict=True))
    return instance(SequenceStepExecution, values, enrollment=enrollment, lead=lead, step=step)
