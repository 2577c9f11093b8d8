"""What the database itself can do: the same changes of state as bare set-based SQL, with no policy and no protocol.

A benchmark runs its yardstick beside itself, in the same run; only that ratio means anything on a shared machine.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction

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
