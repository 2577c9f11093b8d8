"""The doctor's rounds: nightly, or when staff ask; what it found is kept."""

from datetime import datetime
from typing import Any

from django.db import transaction

from retention_center import doctor
from retention_center.jobs import Progress
from retention_center.lib import clock
from retention_center.models import DoctorRun

JOB = "examine"
KEPT = 30  # runs


def examine_now() -> dict[str, int]:
    """Nightly: look at everything and keep what was found. Counts only."""
    began = clock.monotonic()
    run = _keep(began, clock.now(), doctor.examine(clock.now()))
    return {"violations": run.violations, "alarms": run.alarms}


def run_job(progress: Progress) -> None:
    """The job ``examine``: the same, and says how far it is."""
    total = len(doctor.checks())
    progress.save(0, total)
    began = clock.monotonic()
    findings = doctor.examine(clock.now(), watch=lambda done: progress.save(done, total))
    with transaction.atomic():
        run = _keep(began, clock.now(), findings)
        progress.save(total, total, violations=run.violations, alarms=run.alarms)


def _keep(began: float, now: datetime, findings: list[doctor.Finding]) -> DoctorRun:
    violations = sum(finding.check.severity == doctor.VIOLATION for finding in findings)
    run = DoctorRun.objects.create(
        at=now,
        seconds=round(clock.monotonic() - began, 3),
        violations=violations,
        alarms=len(findings) - violations,
        findings=[_told(finding) for finding in findings],
    )
    DoctorRun.objects.exclude(pk__in=list(DoctorRun.objects.values_list("pk", flat=True)[:KEPT])).delete()
    return run


def _told(finding: doctor.Finding) -> dict[str, Any]:
    check = finding.check
    told = {"id": check.id, "severity": check.severity, "promise": check.promise, "count": finding.count}
    return told | {"first": [{"id": name, "href": href} for name, href in finding.first]}
