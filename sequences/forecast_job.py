"""Forecasts as jobs: started by staff or the API, done by any worker, the latest result kept on its row."""

from datetime import datetime
from typing import Any

from retention_center import jobs
from retention_center.audit import Actor
from retention_center.jobs import Progress
from retention_center.lib import clock
from retention_center.models import Job
from sequences import forecast
from sequences.forecast import CannotForecast
from sequences.models import RetentionSequence

KIND = "forecast_sequence"
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)


def start(sequence: RetentionSequence, days: int, by: Actor) -> Job:
    """Queue a forecast; one of the same days that is already under way is taken instead. Raises CannotForecast."""
    forecast.check(sequence, days)
    arguments = {"sequence": sequence.pk, "days": days}
    under_way = of_sequence(sequence.pk).filter(status__in=OPEN, arguments__days=days, stop_requested=False).first()
    return under_way or jobs.enqueue(KIND, arguments, by=by.user)


def run_job(progress: Progress) -> None:
    """The job ``forecast_sequence``. What a killed worker had begun is begun anew: a forecast is of one moment."""
    sequence = RetentionSequence.objects.filter(pk=progress.arguments["sequence"]).first()
    if sequence is None:
        raise jobs.Refused("The sequence was deleted.")
    progress.save(0)
    try:
        result = forecast.forecast(sequence, progress.arguments["days"], clock.now(), progress.save)
    except CannotForecast as refusal:
        raise jobs.Refused(str(refusal)) from refusal
    progress.job.refresh_from_db(fields=["done"])
    progress.save(progress.job.done, **result)


def of_sequence(sequence_id: str) -> Any:
    """Its forecasts, newest first."""
    return Job.objects.filter(kind=KIND, arguments__sequence=sequence_id).order_by("-created_at", "-pk")


def latest(sequence_id: str) -> Job | None:
    """The newest forecast that is finished."""
    return of_sequence(sequence_id).filter(status=Job.Status.DONE).first()


def newest(sequence_id: str) -> Job | None:
    """The newest one, finished or not: it tells how far it is, or why there is none."""
    return of_sequence(sequence_id).first()


def age(job: Job, now: datetime) -> float:
    """Seconds since the moment that was foreseen from."""
    return max((now - datetime.fromisoformat(job.result["computed_at"])).total_seconds(), 0.0)
