"""Entering by itself in large numbers: as one by one, never twice, no more a day than wanted, again by the rule."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from conversions.models import Conversion
from conversions.recording import Told, record
from leads.consent import do_not_contact
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from sequences import changing, entrants, processor, taking_in
from sequences.enrolling import cancel, convert_leads, enroll
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution
from sequences.taking_in import enroll_by_triggers
from tests.builders import make_conversion, make_integration, make_lead, make_leads, make_sequence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW_LEAD, NO_CONVERSION = RetentionSequence.Trigger.NEW_LEAD, RetentionSequence.Trigger.NO_CONVERSION
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


def triggered(steps=1, **fields) -> RetentionSequence:
    return make_sequence(steps, **{"trigger_type": NEW_LEAD} | fields)


def members(sequence: RetentionSequence) -> list[str]:
    return list(sequence.enrollments.order_by("pk").values_list("lead_id", flat=True))


# As one by one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", [{}, {"delay_value": 3, "delay_unit": "HOURS"}, {"delay_value": 1, "delay_unit": "WEEKS"}]
)
def test_many_enter_as_each_would_alone(step):
    before_summer_time = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)  # clocks change on the 8th in America
    make_lead(time_zone="America/New_York")
    make_lead(time_zone="Europe/Berlin")
    make_lead(time_zone="", phone_zones=["America/Chicago", "America/Denver"])
    make_lead(time_zone="", phone_zones=[])
    by_trigger, by_hand = triggered([step]), make_sequence([step])

    enroll_by_triggers(before_summer_time)
    ids = list(Lead.objects.values_list("pk", flat=True))
    enroll(by_hand, ids, now=before_summer_time, source="trigger", actor=SYSTEM)

    def told(sequence):
        own = {"id", "sequence_id", "step_id", "enrollment_id", "updated_at"}
        enrollments = sequence.enrollments.order_by("lead").values()
        executions = sequence.executions.order_by("lead").values()
        return [{name: row[name] for name in row if name not in own} for row in (*enrollments, *executions)]

    assert told(by_trigger) == told(by_hand)


def test_chunk_by_chunk_everybody_enters_once_oldest_first_even_of_one_moment(monkeypatch):
    monkeypatch.setattr(taking_in, "CHUNK", 3)
    sequence = triggered()
    leads = make_leads(8, matched_at=clock.now()) + make_leads(3)

    assert enroll_by_triggers(clock.now()) == 11
    assert members(sequence) == [lead.pk for lead in sorted(leads, key=lambda lead: (lead.matched_at, lead.pk))]
    assert sequence.executions.values("enrollment").distinct().count() == 11


def test_who_comes_when_the_time_is_up_enters_with_the_next_look(monkeypatch):
    monkeypatch.setattr(taking_in, "CHUNK", 2)
    triggered()
    make_leads(5)
    answers = iter([True, True, False])
    assert enroll_by_triggers(clock.now(), lambda: next(answers)) == 2
    assert enroll_by_triggers(clock.now()) == 3


@pytest.mark.parametrize("trigger", [NEW_LEAD, NO_CONVERSION])
def test_a_look_scans_no_table(trigger):
    sequence = triggered(trigger_type=trigger, re_entry="after_finishing", enrolls_from=clock.now() - 40 * DAY)
    for _ in range(2):
        make_leads(3, created_at=clock.now() - 2 * DAY)
        with CaptureQueriesContext(connection) as captured:
            enroll_by_triggers(clock.now())
    assert sequence.enrollments.count() == 6
    for sql in (query["sql"] for query in captured if "leads_lead" in query["sql"]):
        plan = explained(sql)
        for table in ("leads_lead", "sequences_sequenceenrollment", "conversions_conversion"):
            assert not re.search(rf"(Seq Scan on|^SCAN) {table}(?! USING)", plan, re.MULTILINE), (sql, plan)


def explained(sql: str) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # few rows, so that it would be right to scan them
            cursor.execute("EXPLAIN " + sql.replace("%", "%%"))
            return "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return "\n".join(row[3] for row in cursor.fetchall()) + "\n"


def test_a_pending_conversion_that_is_rejected_lets_the_lead_enter():
    sequence = triggered(trigger_type=NO_CONVERSION)
    lead = make_lead(created_at=clock.now() - 3 * DAY, matched_at=clock.now() - 3 * DAY)
    pending = make_conversion(lead, standing="pending", status="lead", source="api")
    make_lead(created_at=clock.now() - 2 * DAY)
    enroll_by_triggers(clock.now())
    assert lead.pk not in members(sequence)

    record(
        Told(source="api", key=pending.dedupe_key, status="rejected", revenue=Decimal(0), received_at=clock.now()),
        clock.now(),
    )
    assert Conversion.objects.get().standing == "rejected"
    enroll_by_triggers(clock.now())
    assert lead.pk in members(sequence)


# Others at work ------------------------------------------------------------------------------------------------------


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("goes_off", [True, False])
def test_a_lead_somebody_holds_is_passed_over_and_looked_at_again(goes_off):
    sequence = triggered()
    held, free = make_lead(), make_lead()

    def look_elsewhere() -> None:
        enroll_by_triggers(clock.now())
        connection.close()

    with transaction.atomic():
        list(Lead.objects.filter(pk=held.pk).locked())
        if goes_off:
            do_not_contact(held, now=clock.now(), actor=SYSTEM)
        elsewhere = Thread(target=look_elsewhere)
        elsewhere.start()
        elsewhere.join(timeout=20)
        assert members(sequence) == [free.pk]

    RetentionSequence.objects.update(changed_cursor=RetentionSequence.objects.get().changed_cursor)
    enroll_by_triggers(clock.now() + 3 * DAY)
    assert members(sequence) == ([free.pk] if goes_off else [free.pk, held.pk])


# A number a day ----------------------------------------------------------------------------------------------------


NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)


def test_who_is_beyond_the_days_number_enters_on_the_days_after_oldest_first():
    now = clock.now()
    sequence = triggered(entrants_per_day=2)
    first, second, third = make_leads(3, matched_at=now - timedelta(minutes=5))

    assert [enroll_by_triggers(now) for _ in range(3)] == [2, 0, 0]
    late = make_lead(matched_at=now - timedelta(minutes=10))  # a long import has committed
    last = make_lead()
    assert entrants.in_words(sequence_now(sequence), now) == "Today 2 of 2, 3 wait."

    assert [enroll_by_triggers(now + n * DAY) for n in (4, 4, 5)] == [2, 0, 1]  # after an outage
    assert members(sequence) == [lead.pk for lead in (first, second, late, third, last)]


def sequence_now(sequence: RetentionSequence) -> RetentionSequence:
    return RetentionSequence.objects.get(pk=sequence.pk)


def test_the_day_is_the_organisations_and_counts_only_who_entered_by_itself(settings):
    settings.TIME_ZONE = "America/New_York"
    sequence = triggered(entrants_per_day=1)
    enroll(sequence, [make_lead().pk], now=NOON, source="manual", actor=SYSTEM)
    make_leads(3)

    assert enroll_by_triggers(NOON) == 1
    assert enroll_by_triggers(datetime(2026, 3, 12, 3, 30, tzinfo=UTC)) == 0  # 23:30 of the same day
    assert enroll_by_triggers(datetime(2026, 3, 12, 4, 30, tzinfo=UTC)) == 1


def test_the_sequences_page_says_how_many_wait(as_viewer):
    sequence = triggered(entrants_per_day=1)
    make_leads(3)
    enroll_by_triggers(clock.now())
    assert "Today 1 of 1, 2 wait." in as_viewer.get(f"/sequences/{sequence.pk}/").content.decode()


# Entering again -----------------------------------------------------------------------------------------------------


def finished(sequence: RetentionSequence, at: datetime) -> Lead:
    """A lead that came long ago, and whose run is through."""
    lead = make_lead(matched_at=at - 9 * DAY, created_at=at - 9 * DAY)
    enroll(sequence, [lead.pk], now=at, source="trigger", actor=SYSTEM)
    SequenceStepExecution.objects.filter(lead=lead).update(status="SENT", due_at=None, executed_at=at)
    SequenceEnrollment.objects.filter(lead=lead).update(status="COMPLETED", completed_at=at)
    return lead


@pytest.mark.parametrize("trigger", [NEW_LEAD, NO_CONVERSION])
@pytest.mark.parametrize(("rule", "days", "after"), [("after_finishing", None, 0), ("after_days", 30, 30)])
def test_who_has_finished_enters_again_as_the_rule_says_and_keeps_the_history(trigger, rule, days, after):
    now = clock.now() - 60 * DAY
    sequence = triggered(trigger_type=trigger, re_entry=rule, re_entry_days=days)
    finished(sequence, now)

    assert enroll_by_triggers(now + after * DAY) == 0
    assert enroll_by_triggers(now + after * DAY + HOUR) == 1
    run = SequenceEnrollment.objects.get()
    assert (run.run_no, run.status, run.completed_at) == (2, "ACTIVE", None)
    assert list(run.executions.order_by("run_no").values_list("run_no", "status")) == [(1, "SENT"), (2, "SCHEDULED")]
    assert enroll_by_triggers(now + after * DAY + 2 * HOUR) == 0


def test_by_default_nobody_enters_again():
    sequence = triggered()
    lead = finished(sequence, clock.now() - 60 * DAY)
    Lead.objects.filter(pk=lead.pk).update(matched_at=clock.now())
    assert enroll_by_triggers(clock.now()) == 0


def test_whoever_was_taken_out_opted_out_or_converted_never_enters_again_by_themselves():
    sequence = triggered(re_entry="after_finishing")
    taken_out, opted_out, converted = make_leads(3)
    enroll_by_triggers(clock.now())
    cancel(sequence.enrollments.get(lead=taken_out), now=clock.now(), actor=SYSTEM)
    do_not_contact(opted_out, now=clock.now(), actor=SYSTEM)
    convert_leads([converted.pk], clock.now())
    Lead.objects.update(status="NEW", matched_at=clock.now())
    assert enroll_by_triggers(clock.now() + DAY) == 0


def test_a_finished_lead_that_comes_to_match_later_enters_again_then():
    sequence = triggered(re_entry="after_days", re_entry_days=7, trigger_config={"status": "NEW"})
    lead = finished(sequence, clock.now() - 60 * DAY)
    Lead.objects.filter(pk=lead.pk).update(status="IN_PROGRESS")
    other = finished(sequence, clock.now() - 50 * DAY)
    enroll_by_triggers(clock.now())
    assert list(SequenceEnrollment.objects.filter(run_no=2).values_list("lead_id", flat=True)) == [other.pk]

    Lead.objects.filter(pk=lead.pk).update(status="NEW", matched_at=clock.now())
    assert enroll_by_triggers(clock.now()) == 1


def test_a_rule_given_later_takes_nobody_whose_time_has_passed():
    sequence = triggered()
    finished(sequence, clock.now() - 60 * DAY)
    enroll_by_triggers(clock.now())
    changing.change(sequence_now(sequence), {"re_entry": "after_days", "re_entry_days": 30}, SYSTEM)
    finished(sequence, clock.now() - 29 * DAY)

    assert enroll_by_triggers(clock.now()) == 0
    assert enroll_by_triggers(clock.now() + 2 * DAY) == 1


def test_who_enters_again_counts_for_the_day():
    sequence = triggered(re_entry="after_finishing", entrants_per_day=2)
    for _ in range(3):
        finished(sequence, clock.now() - 60 * DAY)
    assert enroll_by_triggers(clock.now()) == 2


def test_the_processor_takes_a_lead_through_again_and_again(now):
    make_integration("sandbox")
    sequence = triggered(re_entry="after_days", re_entry_days=1)
    lead = make_lead()
    for n in range(3):
        processor.run(now + n * (DAY + HOUR))
    assert sequence.enrollments.get().run_no == 3
    assert lead.contact_attempts.count() == 3
    assert enroll_by_triggers(now + 2 * (DAY + HOUR)) == 0
