"""Signs of life: for load balancers, for staff's monitors, for Prometheus."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from campaigns.models import ContactAttempt
from retention_center import health
from retention_center.lib import clock
from retention_center.models import Heartbeat, Job
from tests import builders

pytestmark = pytest.mark.django_db


def figures(**headers: str) -> dict[tuple, float]:
    answer = Client(headers=headers).get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name.removeprefix("retention_center_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_process_answers_without_asking_anything(django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert Client().head("/healthz").status_code == 200
    assert Client().post("/healthz").status_code == 405


def test_a_system_without_a_worker_is_ready_and_says_so():
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
        "worker": {"lastSeen": None, "overdue": 0},
    }


def test_the_worker_is_reported():
    health.beat(health.PROCESSOR, sent=3, seconds=0.2, last={"sent": 3})
    seen = Client().get("/readyz").json()["worker"]["lastSeen"]
    assert seen == Heartbeat.objects.get().at.isoformat()


def test_a_database_that_is_down_is_not_ready(monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", fail)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "unreachable"


def test_figures_tell_heartbeat_overdue_sends_and_jobs():
    health.beat(health.PROCESSOR, sent=1, seconds=0.1, last={})
    Heartbeat.objects.update(at=clock.now() - timedelta(seconds=30))
    for status, channel in [("SENT", "EMAIL"), ("SENT", "EMAIL"), ("FAILED", "SMS")]:
        builders.make_attempt(status=status, channel=channel)
    old = builders.make_attempt(status="SENT", channel="EMAIL")
    ContactAttempt.objects.filter(pk=old.pk).update(started_at=clock.now() - timedelta(hours=2))
    Job.objects.create(kind="import_leads")
    found = figures()
    assert found["processor_heartbeat_age_seconds",] == pytest.approx(30, abs=5)
    assert found["processor_overdue",] == 0
    assert found["sends_last_hour", "EMAIL", "SENT"] == 2
    assert found["sends_last_hour", "SMS", "FAILED"] == 1
    assert (found["open_jobs", "QUEUED"], found["open_jobs", "RUNNING"]) == (1, 0)


def test_figures_are_for_this_machine_and_for_the_token(settings):
    settings.CRON_TOKEN = "let me in"
    far = {"REMOTE_ADDR": "203.0.113.9"}
    assert Client().get("/metrics", **far).status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer wrong"}, **far).status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer let me in"}, **far).status_code == 200
    assert Client().get("/metrics").status_code == 200


def test_without_a_token_nobody_from_afar_gets_figures(settings):
    settings.CRON_TOKEN = ""
    for header in ("", "Bearer", "Bearer "):
        answer = Client().get("/metrics", headers={"Authorization": header}, REMOTE_ADDR="203.0.113.9")
        assert answer.status_code == 401


def test_behind_a_proxy_everybody_looks_local_but_is_not(settings):
    settings.TRUST_PROXY = True
    assert Client(headers={"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}).get("/metrics").status_code == 401


def test_forwarded_headers_are_ignored_unless_the_proxy_is_trusted():
    answer = Client(headers={"X-Forwarded-For": "127.0.0.1"}).get("/metrics", REMOTE_ADDR="203.0.113.9")
    assert answer.status_code == 401
