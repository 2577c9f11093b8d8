"""Long work as its caller sees it."""

from datetime import timedelta

import pytest

from retention_center.lib import clock
from retention_center.models import AuditEvent, Job

pytestmark = pytest.mark.django_db


def test_a_job_tells_how_far_it_is(api):
    job = Job.objects.create(kind="import_leads", status=Job.Status.RUNNING, done=40, total=100, result={"created": 38})
    body = api("viewer").get(f"/api/jobs/{job.pk}").json()
    told = {name: body[name] for name in ("status", "done", "total", "result")}
    assert told == {"status": "RUNNING", "done": 40, "total": 100, "result": {"created": 38}}


def test_a_waiting_job_is_stopped_at_once(api):
    job = Job.objects.create(kind="import_leads")
    answer = api("operator").post(f"/api/jobs/{job.pk}/stop")
    assert (answer.status_code, answer.json()["status"]) == (200, "STOPPED")
    assert AuditEvent.objects.get().action == "stop"


def test_a_running_job_is_asked_to_stop(api):
    job = Job.objects.create(
        kind="import_leads", status=Job.Status.RUNNING, lease_until=clock.now() + timedelta(minutes=1)
    )
    body = api("operator").post(f"/api/jobs/{job.pk}/stop").json()
    assert (body["status"], body["stopRequested"]) == ("RUNNING", True)


def test_an_ended_job_cannot_be_stopped(api):
    job = Job.objects.create(kind="import_leads", status=Job.Status.DONE)
    answer = api("operator").post(f"/api/jobs/{job.pk}/stop")
    assert answer.status_code == 409
    assert "DONE" in answer.json()["detail"]


def test_viewers_stop_nothing(api):
    job = Job.objects.create(kind="import_leads")
    assert api("viewer").post(f"/api/jobs/{job.pk}/stop").status_code == 403
