"""Large tables in seconds: one row made by the ORM, multiplied by the database."""

from datetime import datetime, timedelta

from django.db import connection, models

from leads.models import Lead
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from tests.builders import make_enrollment, make_execution, make_lead, make_sequence


def multiply(template: models.Model, count: int, **other: str) -> None:
    """Copy a row ``count`` times; ``other`` gives SQL for columns that differ, in terms of ``n`` (1 to count)."""
    meta = template._meta
    quote = connection.ops.quote_name
    columns = [field.column for field in meta.concrete_fields]
    picked = ", ".join(other.get(column, f"t.{quote(column)}") for column in columns)
    names = ", ".join(map(quote, columns))
    with connection.cursor() as cursor:
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
    later = SequenceStepExecution.objects.order_by("pk").values("pk")[due:]
    SequenceStepExecution.objects.filter(pk__in=later).update(due_at=now + timedelta(days=30))
    analyze()
    return sequence


def analyze() -> None:
    """What a schedule does in production: tell the planner how large things are."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _series() -> str:
    if connection.vendor == "postgresql":
        return "generate_series(1, %s) AS s(n)"
    return "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s) SELECT n FROM s)"
