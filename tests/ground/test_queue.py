"""django-q2 wakes our functions, by the database or by Redis."""

import os
import signal

import pytest
from django_q.models import Schedule, Success

from retention_center import health, schedules
from retention_center.models import Heartbeat
from tests.processes import Manage, wait_until

QUEUE_A_TASK = "from django_q.tasks import async_task; async_task('retention_center.tasks.keep_house')"


def a_task_is_done(manage: Manage, **environment: str) -> None:
    queued = manage.run("shell", "--no-imports", "-c", QUEUE_A_TASK, **environment)
    assert queued.returncode == 0, queued.stderr
    cluster = manage.start("qcluster", **environment)
    wait_until(lambda: Success.objects.filter(func="retention_center.tasks.keep_house").exists(), seconds=30)
    os.kill(cluster.pid, signal.SIGTERM)
    assert cluster.wait(timeout=30) == 0


def test_a_queued_task_is_done_by_the_database(subprocess_manage):
    a_task_is_done(subprocess_manage)


def test_a_queued_task_is_done_by_redis(subprocess_manage, redis_url):
    a_task_is_done(subprocess_manage, BROKER_URL=redis_url)


@pytest.mark.django_db
def test_the_schedules_are_those_of_settings_whatever_stood_there(settings):
    settings.SCHEDULES = {"tick": ("sequences.tasks.tick", "* * * * *"), "night": ("some.where", "17 3 * * *")}
    Schedule.objects.create(name="foreign", func="else.where")
    Schedule.objects.update_or_create(name="tick", defaults={"func": "long.gone"})
    schedules.write()
    schedules.write()
    assert sorted(Schedule.objects.values_list("name", "func", "cron")) == [
        ("night", "some.where", "17 3 * * *"),
        ("tick", "sequences.tasks.tick", "* * * * *"),
    ]


@pytest.mark.django_db
def test_a_schedule_that_stands_keeps_its_next_run():
    schedules.write()
    before = list(Schedule.objects.values_list("pk", "next_run"))
    schedules.write()
    assert list(Schedule.objects.values_list("pk", "next_run")) == before


def test_the_worker_loop_shows_that_it_lives_and_ends_when_asked(subprocess_manage):
    worker = subprocess_manage.start("run_worker")
    wait_until(lambda: Heartbeat.objects.filter(name=health.PROCESSOR).exists(), seconds=30)
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
