"""Periodic work: settings.SCHEDULES is the truth, django-q2's table only its copy."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django_q.models import Schedule

from retention_center.lib import clock


@transaction.atomic
def write() -> None:
    """Make django-q2's schedules those of settings, by name; all others go. Safe to repeat."""
    kept = [_written(name, path, cron).pk for name, (path, cron) in settings.SCHEDULES.items()]
    Schedule.objects.exclude(pk__in=kept).delete()


def _written(name: str, path: str, cron: str) -> Schedule:
    row = Schedule.objects.filter(name=name).order_by("pk").first() or Schedule(name=name)
    if (row.func, row.schedule_type, row.cron) != (path, Schedule.CRON, cron):
        row.func, row.schedule_type, row.cron, row.next_run = path, Schedule.CRON, cron, clock.now()
        row.save()
    return row


def complete_database(*, using: str, **_: Any) -> None:
    """After `migrate`: the cache's table and the schedules, so that no second command is needed."""
    call_command("createcachetable", database=using, verbosity=0)
    write()
