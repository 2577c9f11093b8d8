"""Long work: queued as a row, done in slices by any worker, stopped by request, taken up again after a kill.

The row is the truth, the queue only an alarm clock: `enqueue` wakes a worker at once, and every tick looks
for jobs that nobody works on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string
from django_q.tasks import async_task

from retention_center.lib import clock
from retention_center.models import Job, User

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
Watch = Callable[[int, dict[str, Any]], None]  # told after each slice: how far, and the result so far


class Stopped(Exception):
    """Raised inside a job's work: staff asked it to stop, or another worker has taken it over."""


class Refused(Exception):
    """The job cannot be done; its text tells staff why."""


class Progress:
    """What a job's function is given: its arguments, and how to report each finished slice."""

    def __init__(self, job: Job, watch: Watch | None = None) -> None:
        self.job = job
        self.watch = watch
        self.arguments: dict[str, Any] = job.arguments
        self.result: dict[str, Any] = dict(job.result)

    def save(self, done: int, total: int | None = None, **result: Any) -> None:
        """Say how far we are and keep the lease. Call it inside the slice's own transaction.

        Raises Stopped when staff asked for it or when the job is no longer ours: the slice rolls back.
        """
        self.result |= result
        changes: dict[str, Any] = {
            "done": done,
            "result": self.result,
            "lease_until": clock.db_now() + LEASE,
        }
        if total is not None:
            changes["total"] = total
        ours = Job.objects.filter(
            pk=self.job.pk,
            fence=self.job.fence,
            status=Job.Status.RUNNING,
            stop_requested=False,
        )
        if not ours.update(**changes):
            raise Stopped
        if self.watch:
            self.watch(done, self.result)


def enqueue(
    kind: str,
    arguments: dict[str, Any],
    *,
    by: User | None = None,
    total: int | None = None,
) -> Job:
    """Queue work of a kind named in settings.JOBS. ``arguments`` hold ids and filters, no personal data."""
    job = Job.objects.create(kind=kind, arguments=arguments, created_by=by, total=total)
    transaction.on_commit(lambda: async_task("retention_center.jobs.work_on", job.pk))
    return job


def run_here(
    kind: str,
    arguments: dict[str, Any],
    *,
    by: User | None = None,
    total: int | None = None,
    watch: Watch | None = None,
) -> Job:
    """Do a job in this process, at once: the job as it ended. Should we die, a worker takes it up."""
    job = Job.objects.create(kind=kind, arguments=arguments, created_by=by, total=total)
    if claimed := _claim(job.pk):
        _run(claimed, watch)
    job.refresh_from_db()
    return job


def work_on(job_id: str) -> None:
    """Do one job, unless it is done or somebody works on it. A django-q2 task; safe to run twice."""
    if job := _claim(job_id):
        _run(job)


def work_on_open_jobs() -> int:
    """Do every job that is queued or was left by a dead worker: how many were taken up."""
    taken = 0
    for job_id in Job.objects.filter(_free(), status__in=["QUEUED", "RUNNING"]).values_list("pk", flat=True):
        if job := _claim(job_id):
            _run(job)
            taken += 1
    return taken


def request_stop(job: Job) -> bool:
    """Ask a job to stop; one that nobody has begun stops at once. False when it had already ended."""
    open_ones = Job.objects.filter(pk=job.pk, status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    asked = open_ones.update(stop_requested=True, updated_at=clock.now())
    stopped = {"status": Job.Status.STOPPED, "finished_at": clock.now()}
    Job.objects.filter(_free(), pk=job.pk, status__in=[Job.Status.QUEUED, Job.Status.RUNNING]).update(**stopped)
    job.refresh_from_db()
    return bool(asked)


def _free() -> Q:
    return Q(lease_until=None) | Q(lease_until__lt=clock.db_now())


def _claim(job_id: str) -> Job | None:
    free = Job.objects.filter(_free(), pk=job_id, status__in=["QUEUED", "RUNNING"], stop_requested=False)
    mine = free.update(
        status=Job.Status.RUNNING,
        fence=F("fence") + 1,
        lease_until=clock.db_now() + LEASE,
        started_at=clock.now(),
        updated_at=clock.now(),
    )
    return Job.objects.get(pk=job_id) if mine else None


def _run(job: Job, watch: Watch | None = None) -> None:
    work: Callable[[Progress], None] = import_string(settings.JOBS[job.kind])
    with _closing(job):
        work(Progress(job, watch))


@contextmanager
def _closing(job: Job) -> Iterator[None]:
    """End the job's row as its work ended; whatever goes wrong is told, never lost."""
    status, error = Job.Status.DONE, ""
    try:
        yield
    except Stopped:
        status = Job.Status.STOPPED
    except Refused as refusal:
        status, error = Job.Status.FAILED, str(refusal)
    except Exception:
        log.exception("job_failed", job=job.pk, kind=job.kind)
        status, error = (
            Job.Status.FAILED,
            "It ended with an error of ours; the log has the details.",
        )
    Job.objects.filter(pk=job.pk, fence=job.fence, status=Job.Status.RUNNING).update(
        status=status,
        error=error,
        finished_at=clock.now(),
        updated_at=clock.now(),
        lease_until=None,
    )
