"""Scheduled work of sequences: alarm clocks only; all that is due stands in our own rows."""

from typing import Any

from retention_center import jobs
from sequences import processor

SECONDS = 50  # a tick comes every minute


def tick(seconds: float = SECONDS) -> dict[str, Any]:
    """Every minute: jobs that nobody works on, then everything due. Returns counts only (results are stored)."""
    jobs.work_on_open_jobs()
    return processor.run(seconds=seconds, until_idle=True)
