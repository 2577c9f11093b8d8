"""What the database itself can do: the same changes of state as bare set-based SQL, with no policy and no protocol.

A benchmark runs its yardstick beside itself, in the same run; only that ratio means anything on a shared machine.
"""

import json
from datetime import datetime, timedelta

from django.db import connection, transaction

from benchmarks.fill import SNAPSHOT
from sequences.models import RetentionSequence


def enroll_new_lead(sequence: RetentionSequence, now: datetime) -> int:
    """Every lead that was never in it enters the sequence, in two commits: how many."""
    step = sequence.live_steps().get(step_order=1)
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(ENROLLMENTS, {"sequence": sequence.pk, "version": sequence.version, "now": now})
            entered = cursor.rowcount
        with transaction.atomic():
            due = now + timedelta(days=step.delay_value)
            cursor.execute(FIRST_STEPS, {"sequence": sequence.pk, "step": step.pk, "key": step.key, "due": due})
    return entered


def due_steps(sequence: RetentionSequence, now: datetime) -> int:
    """Every due first step is sent and the second one scheduled, two commits for each thousand: how many."""
    first, second = sequence.live_steps()
    later = now + timedelta(days=second.delay_value)
    message = {"subject": "Come back", "text": "Hello Ada, come back.", "html": "<p>Hello Ada, come back.</p>"}
    known = {"sequence": sequence.pk, "script": first.script_id, "message": json.dumps(message), "now": now}
    known |= {"lease": now + timedelta(minutes=5), "date": now.date(), "many": 1000, "later": later}
    known |= {"next_step": second.pk, "next_key": second.key, "snapshot": json.dumps(SNAPSHOT)}
    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    total = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS mine (id text, attempt text, enrollment text, lead text)")
        while True:
            with transaction.atomic():
                cursor.execute("DELETE FROM mine")
                cursor.execute(PICK + lock, known)
                if not cursor.rowcount:
                    return total
                total += cursor.rowcount
                cursor.execute(CLAIM, known)
                cursor.execute(INTENTS, known)
            with transaction.atomic():
                for statement in RECORD:
                    cursor.execute(statement, known)


PICK = """
    INSERT INTO mine SELECT x.id, 'A' || x.id, x.enrollment_id, x.lead_id FROM sequences_sequencestepexecution AS x
    WHERE x.sequence_id = %(sequence)s AND x.status = 'SCHEDULED' AND x.due_at <= %(now)s
    ORDER BY x.due_at, x.id LIMIT %(many)s
"""
CLAIM = """
    UPDATE sequences_sequencestepexecution SET status = 'PENDING', fence = fence + 1, try_no = try_no + 1,
        claimed_by = 'yardstick', lease_until = %(lease)s, due_at = NULL, contact_attempt_id = 'A' || id
    WHERE id IN (SELECT id FROM mine)
"""
INTENTS = """
    INSERT INTO campaigns_contactattempt
        (id, lead_id, script_id, channel, status, provider, origin, work_id, try_no, idempotency_key, address, message,
        policy_snapshot, local_date, reason, was_unsent, started_at, recorded_at, deadline_at, currency, result, notes,
        is_legacy, variant)
    SELECT m.attempt, m.lead, %(script)s, 'EMAIL', 'PENDING', 'sandbox', 'sequence', m.id, 1, m.id || ':1', l.email,
        %(message)s, %(snapshot)s, %(date)s, '', false, %(now)s, %(now)s, %(now)s, '', '{}', '', false, ''
    FROM mine AS m JOIN leads_lead AS l ON l.id = m.lead
"""
RECORD = (
    """UPDATE campaigns_contactattempt SET status = 'SENT', provider_ref = 'S' || id, called_at = %(now)s,
        result = '{"sandbox": true}' WHERE id IN (SELECT attempt FROM mine)""",
    """UPDATE leads_lead SET status = 'CONTACTED', matched_at = %(now)s, updated_at = %(now)s
        WHERE status = 'NEW' AND id IN (SELECT lead FROM mine)""",
    """UPDATE sequences_sequencestepexecution SET status = 'SENT', executed_at = %(now)s, claimed_by = '',
        lease_until = NULL WHERE id IN (SELECT id FROM mine)""",
    """UPDATE sequences_sequenceenrollment SET current_step = current_step + 1, last_step_at = %(now)s,
        updated_at = %(now)s WHERE id IN (SELECT enrollment FROM mine)""",
    """INSERT INTO sequences_sequencestepexecution
        (id, enrollment_id, sequence_id, lead_id, step_id, step_key, run_no, status, scheduled_at, due_at, reason,
        held_reason, hold_count, try_no, failures, last_error, fence, claimed_by, result)
    SELECT 'N' || id, enrollment, %(sequence)s, lead, %(next_step)s, %(next_key)s, 1, 'SCHEDULED', %(later)s,
        %(later)s, '', '', 0, 0, 0, '', 0, '', '{}' FROM mine""",
)
ENROLLMENTS = """
    INSERT INTO sequences_sequenceenrollment
        (id, sequence_id, lead_id, status, run_no, version, current_step, source, reason, enrolled_at, updated_at, meta)
    SELECT 'E' || %(sequence)s || l.id, %(sequence)s, l.id, 'ACTIVE', 1, %(version)s, 0, 'trigger', '', %(now)s,
        %(now)s, '{}'
    FROM leads_lead AS l
    WHERE l.deleted_at IS NULL AND l.status NOT IN ('DO_NOT_CONTACT', 'CONVERTED') AND NOT EXISTS (
        SELECT 1 FROM sequences_sequenceenrollment AS e WHERE e.sequence_id = %(sequence)s AND e.lead_id = l.id)
"""
FIRST_STEPS = """
    INSERT INTO sequences_sequencestepexecution
        (id, enrollment_id, sequence_id, lead_id, step_id, step_key, run_no, status, scheduled_at, due_at, reason,
        held_reason, hold_count, try_no, failures, last_error, fence, claimed_by, result)
    SELECT 'X' || e.id, e.id, e.sequence_id, e.lead_id, %(step)s, %(key)s, 1, 'SCHEDULED', %(due)s, %(due)s, '', '',
        0, 0, 0, '', 0, '', '{}'
    FROM sequences_sequenceenrollment AS e
    WHERE e.sequence_id = %(sequence)s
"""
