"""Leads by the million: made over some time, in three zones."""

from datetime import datetime

from django.db import connection

from benchmarks.fill import multiply
from leads.models import Lead
from tests.builders import make_lead

ZONE = "CASE n %% 3 WHEN 0 THEN 'UTC' WHEN 1 THEN 'America/New_York' ELSE 'Europe/Berlin' END"


def make_many(count: int, since: datetime, *, seconds_apart: int) -> None:
    """``count`` leads, one after the other from ``since`` on, in place of whatever leads there are."""
    Lead.objects.all().delete()
    template = make_lead(phone=None, created_at=since, matched_at=since)
    if connection.vendor == "postgresql":
        made = f"t.created_at + n * INTERVAL '{seconds_apart} second'"
    else:
        made = f"datetime(t.created_at, '+' || (n * {seconds_apart}) || ' seconds')"
    own = {"id": "'L' || n", "email": "'lead-' || n || '@example.com'", "time_zone": ZONE}
    multiply(template, count, **own, created_at=made, matched_at=made)
    template.delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE leads_lead")  # not the empty tables: PostgreSQL would plan for them to stay empty
