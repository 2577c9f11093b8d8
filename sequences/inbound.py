"""What reports about attempts mean for sequences; called after campaigns.inbound, in the same transaction."""

from datetime import datetime

from campaigns.inbound import locked_attempt
from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations.models import InboundEvent
from sequences.enrolling import end_runs
from sequences.models import SequenceEnrollment, SequenceStepExecution

STATUS = SequenceStepExecution.Status
ATTEMPT = ContactAttempt.Status
FOLLOWS = {  # mapping.md, M6
    ATTEMPT.DELIVERED: STATUS.DELIVERED,
    ATTEMPT.SUCCESS: STATUS.DELIVERED,
    ATTEMPT.FAILED: STATUS.FAILED,
    ATTEMPT.BOUNCED: STATUS.FAILED,
}


def settle_delivery(event: InboundEvent, now: datetime) -> None:
    """The step follows its attempt: delivered, or failed with the reason. It never opens again."""
    attempt = locked_attempt(event)
    status = FOLLOWS.get(ATTEMPT(attempt.status))
    if status is None:
        return
    # A step that closed as unknown is raised by proof of arrival; nothing lowers one that was delivered
    movable = [STATUS.SENT, STATUS.FAILED] if status == STATUS.DELIVERED else [STATUS.SENT]
    reason = attempt.reason if status == STATUS.FAILED else ""
    attempt.step_executions.filter(status__in=movable).update(status=status, reason=reason)


def stop_on_reply(event: InboundEvent, now: datetime) -> None:
    """A person's reply delivers the step, and ends the run if its sequence says so."""
    settle_delivery(event, now)
    if event.facts.get("automatic"):
        return
    runs = SequenceEnrollment.objects.open().filter(
        executions__contact_attempt=locked_attempt(event), sequence__stop_on_reply=True
    )
    end_runs(list(runs.distinct()), SequenceEnrollment.Status.CANCELLED, Reason.REPLIED, now)


def stop_on_message(event: InboundEvent, now: datetime) -> None:
    """A message that `campaigns.messages` took for a reply."""
    if event.attempt_id and not event.facts["keyword"]:
        stop_on_reply(event, now)
