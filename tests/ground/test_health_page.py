"""The health page: what runs, what waits, what the doctor found, each with its rows."""

from datetime import timedelta
from html import unescape

import pytest

from campaigns import sending
from campaigns.models import ContactAttempt
from integrations.models import InboundEvent
from retention_center import doctor, examining, health, jobs, restoring
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import DoctorRun, Job
from tests.builders import make_attempt, make_execution, make_lead

pytestmark = pytest.mark.django_db


def text(answer):
    return unescape(answer.content.decode())


def test_a_house_in_order_says_so(as_viewer):
    health.beat(health.PROCESSOR, sent=0, seconds=0.1, last={"sent": 0})
    examining.examine_now()
    html = text(as_viewer.get("/health/"))
    assert "Every promise holds" in html
    assert "Processor</strong> ran" in html


def test_a_finding_opens_the_rows_behind_it(as_viewer):
    attempt = make_attempt(called_at=clock.now(), provider_ref=None)
    examining.examine_now()
    html = text(as_viewer.get("/health/"))
    assert "What was sent has its provider's reference." in html
    assert f'href="{attempt.get_absolute_url()}"' in html


def test_a_step_is_found_on_its_enrollment(as_viewer):
    execution = make_execution()
    assert execution.get_absolute_url() == execution.enrollment.get_absolute_url()


def test_operators_let_the_doctor_look_and_viewers_read(as_operator, as_viewer):
    assert "Run the doctor now" not in text(as_viewer.get("/health/"))
    assert as_viewer.post("/health/examine").status_code == 403
    assert as_operator.post("/health/examine").status_code == 302
    assert as_operator.post("/health/examine").status_code == 302
    job = Job.objects.get(kind=examining.JOB)
    assert "Looking at the whole database" in text(as_operator.get("/health/"))
    assert "Workers" not in text(as_operator.get("/health/", headers={"HX-Request": "true"}))

    jobs.work_on(job.pk)

    job.refresh_from_db()
    assert (job.status, job.done) == ("DONE", len(doctor.checks()))
    assert DoctorRun.objects.get().violations == 0


def test_the_last_thirty_runs_are_kept():
    now = clock.now()
    DoctorRun.objects.bulk_create(
        DoctorRun(at=now - timedelta(days=n), seconds=1, violations=0, alarms=0) for n in range(1, 40)
    )
    examining.examine_now()
    assert DoctorRun.objects.count() == examining.KEPT
    assert DoctorRun.objects.first().at >= now


def test_what_is_wrong_says_what_it_means(as_viewer):
    make_attempt(make_lead(), status=ContactAttempt.Status.UNKNOWN, recorded_at=clock.now() - timedelta(hours=2))
    InboundEvent.objects.create(provider="keitaro", kind="conversion", event_key="1", received_at=clock.now())
    html = text(as_viewer.get("/health/"))
    assert "Look them up at the provider" in html
    assert "Each round of the processor tries them again." in html
    assert "Last heard of keitaro" in html


def test_after_a_restore_the_pages_say_why_nothing_is_sent(as_operator):
    sending.pause_all(SYSTEM, note=restoring.NOTE)
    assert restoring.NOTE in text(as_operator.get("/health/"))
    assert restoring.NOTE in text(as_operator.post("/sending/go-on"))


def test_however_much_there_is_it_costs_the_same(as_viewer, django_assert_num_queries):
    as_viewer.get("/health/")
    with django_assert_num_queries(16):
        as_viewer.get("/health/")
