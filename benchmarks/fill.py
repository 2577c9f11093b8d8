"""Large tables in seconds: one row made by the ORM, multiplied by the database."""

from datetime import datetime, timedelta
from itertools import batched

from django.db import connection, models, transaction

from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.lib.bulk import listed
from retention_center.models import AuditEvent
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.builders import (
    make_attempt,
    make_conversion,
    make_enrollment,
    make_execution,
    make_lead,
    make_sequence,
)

SNAPSHOT = {  # as `policy.snapshot` writes it
    "at": "2026-03-11T12:00:00+00:00",
    "zone": "UTC",
    "zones": ["UTC"],
    "zoneSource": "field",
    "localTime": "2026-03-11 12:00",
    "hours": [[480, 1260]],
    "days": ["FRI", "MON", "SAT", "SUN", "THU", "TUE", "WED"],
    "contactsToday": 0,
    "cap": 3,
    "gapMs": 0,
    "lastContactAt": None,
    "provider": "sandbox",
}


def multiply(template: models.Model, count: int, **other: str) -> None:
    """Copy a row ``count`` times; ``other`` gives SQL for columns that differ, in terms of ``n`` (1 to count)."""
    meta = template._meta
    quote = connection.ops.quote_name
    columns = [field.column for field in meta.concrete_fields]
    picked = ", ".join(other.get(column, f"t.{quote(column)}") for column in columns)
    names = ", ".join(map(quote, columns))
    with transaction.atomic(), connection.cursor() as cursor:
        # Or each copy would look for the rows that it refers to; leads refer to none, and a trigger writes their words
        if connection.vendor == "postgresql" and not isinstance(template, Lead):
            cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            f"INSERT INTO {quote(meta.db_table)} ({names}) SELECT {picked}"
            f" FROM {quote(meta.db_table)} AS t CROSS JOIN {_series()} WHERE t.{quote('id')} = %s",
            [count, template.pk],
        )


def waiting_sequence(rows: int, now: datetime, *, due: int) -> RetentionSequence:
    """A running sequence with ``rows`` leads at its first of two steps: ``due`` of them due, the others in a month."""
    sequence = make_sequence(2)
    template = make_execution(make_enrollment(sequence, make_lead(phone=None)), scheduled_at=now)
    multiply(template.lead, rows, id="'L' || n", email="'lead-' || n || '@example.com'")
    multiply(template.enrollment, rows, id="'E' || n", lead_id="'L' || n")
    own = {"id": "'X' || n", "enrollment_id": "'E' || n", "lead_id": "'L' || n"}
    multiply(template, rows, **own)
    SequenceStepExecution.objects.filter(pk=template.pk).delete()
    SequenceEnrollment.objects.filter(pk=template.enrollment_id).delete()
    Lead.objects.filter(pk=template.lead_id).delete()
    SequenceStepExecution.objects.update(due_at=now + timedelta(days=30))
    make_due(range(1, due + 1), now)
    analyze()
    return sequence


def make_due(numbers: range, now: datetime) -> None:
    """Some executions of `waiting_sequence`, from 1 on, come due."""
    SequenceStepExecution.objects.filter(pk__in=listed(f"X{n}" for n in numbers)).update(due_at=now)


def running_house(executions: int, now: datetime) -> None:
    """A house that has run for a while and is in order: half of the steps sent, each with its attempt, half waiting.

    One lead and run for two executions, a conversion for every tenth lead, an event and an audit line for every fifth.
    """
    people = executions // 2
    sequence = make_sequence(2)
    lead = make_lead(phone=None, status=Lead.Status.IN_PROGRESS)
    run = make_enrollment(sequence, lead, current_step=1, enrolled_at=now - timedelta(days=2))
    work = {"work_id": "first", "origin": "sequence", "provider_ref": "ref", "called_at": now}
    sent = make_attempt(lead, policy_snapshot=SNAPSHOT, deadline_at=now, message={"text": "Hello " * 40}, **work)
    first = make_execution(run, 1, status="SENT", executed_at=now, contact_attempt=sent)
    second = make_execution(run, 2, scheduled_at=now + timedelta(days=1))
    own = {"lead_id": "'L' || n", "enrollment_id": "'E' || n"}
    numbered = {"work_id": "'X' || n", "idempotency_key": "'X' || n || ':1'", "provider_ref": "'R' || n"}
    multiply(lead, people, id="'L' || n", email="'lead-' || n || '@example.com'")
    multiply(run, people, id="'E' || n", lead_id=own["lead_id"])
    multiply(sent, people, id="'A' || n", lead_id=own["lead_id"], **numbered)
    multiply(first, people, id="'X' || n", contact_attempt_id="'A' || n", **own)
    multiply(second, people, id="'Y' || n", **own)
    _bought(people // 10, now)
    event = {"provider": "keitaro", "kind": "conversion", "status": "APPLIED", "processed_at": now}
    multiply(InboundEvent.objects.create(event_key="k", **event), people // 5, id="'I' || n", event_key="'I' || n")
    change = AuditEvent.objects.create(actor_name="Ada", via="page", action="change", object_type="lead")
    multiply(change, people // 5, id="'U' || n", object_id="'L' || n")


def _bought(buyers: int, now: datetime) -> None:
    """The first leads bought: their runs ended with it, and the step that waited was left out."""
    ids = [f"L{n}" for n in range(1, buyers + 1)]
    multiply(make_conversion(confirmed_at=now), buyers, id="'C' || n", lead_id="'L' || n", dedupe_key="'C' || n")
    ended = {"status": "CONVERTED", "reason": "converted", "completed_at": now}
    left_out = {"status": "SKIPPED", "reason": "converted", "due_at": None, "executed_at": now}
    for some in batched(ids, 10_000):
        Lead.objects.filter(pk__in=some).update(status=Lead.Status.CONVERTED)
        SequenceEnrollment.objects.filter(lead__in=some).update(**ended)
        SequenceStepExecution.objects.filter(lead__in=some, status="SCHEDULED").update(**left_out)


def analyze() -> None:
    """What a schedule does in production: tell the planner how large things are."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _series() -> str:
    if connection.vendor == "postgresql":
        return "generate_series(1, %s) AS s(n)"
    return "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s) SELECT n FROM s)"
