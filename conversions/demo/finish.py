"""The last touches: what nobody can know, who was paused by hand, which replies were dealt with."""

from datetime import datetime, timedelta

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from conversions.demo.chance import Dice
from conversions.demo.rows import Execution, Rows
from leads.models import Lead
from sequences.models import RetentionSequence, SequenceEnrollment

UNKNOWN_COUNT, IN_PROGRESS_SHARE, PAUSED_SHARE = 3, 0.05, 0.03


def touch_up(rng: Dice, rows: Rows, now: datetime) -> None:
    """Change some of the told stories' ends, still within the rules."""
    _lose_answers(rows, now)
    _pause_some(rng, rows, now)
    _answer_replies(rng, rows, now)
    for enrollment in rows.enrollments:
        lead = enrollment.lead
        if lead.status == Lead.Status.CONTACTED and rng.random() < IN_PROGRESS_SHARE:
            lead.status = Lead.Status.IN_PROGRESS


def _lose_answers(rows: Rows, now: datetime) -> None:
    """A few calls of yesterday whose provider never answered: unknown, and the sequence went on."""
    recent = now - timedelta(hours=20)
    found = 0
    for execution in reversed(rows.executions):
        attempt = execution.contact_attempt
        if found == UNKNOWN_COUNT:
            return
        if attempt and execution.status == Execution.Status.DELIVERED and recent < attempt.started_at:
            if attempt.status != ContactAttempt.Status.DELIVERED:
                continue
            found += 1
            attempt.status, attempt.reason, attempt.result = "UNKNOWN", Reason.OUTCOME_UNKNOWN, {}
            attempt.provider_ref, attempt.completed_at, attempt.cost, attempt.currency = None, None, None, ""
            execution.status, execution.reason = Execution.Status.FAILED, Reason.OUTCOME_UNKNOWN


def _answer_replies(rng: Dice, rows: Rows, now: datetime) -> None:
    """Staff deal with replies within a day or so; only the last few still wait."""
    for attempt in rows.attempts:
        if attempt.result.get("replied"):
            answered = datetime.fromisoformat(attempt.result["repliedAt"]) + timedelta(hours=rng.randrange(1, 28))
            if answered < now:
                attempt.result["replyHandledAt"] = answered.isoformat()


def _pause_some(rng: Dice, rows: Rows, now: datetime) -> None:
    """Staff paused a few people by hand; their next step waits without a time."""
    for execution in rows.executions:
        enrollment = execution.enrollment
        is_waiting = execution.status == Execution.Status.SCHEDULED and not execution.held_reason
        runs = enrollment.sequence.status == RetentionSequence.Status.ACTIVE
        if is_waiting and runs and rng.random() < PAUSED_SHARE:
            since = max(enrollment.last_step_at or enrollment.enrolled_at, now - timedelta(days=3))
            enrollment.status, enrollment.updated_at = SequenceEnrollment.Status.PAUSED, since
            execution.due_at = None
