"""Steps that wait on a channel which is barred to their lead by now: skipped at once, and the run goes on."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.reasons import Reason
from retention_center.lib.bulk import listed, update_rows
from sequences.advancing import Finished, advance
from sequences.enrolling import CLOSED
from sequences.models import SequenceEnrollment, SequenceStepExecution

STATUS = SequenceStepExecution.Status


def skip_channel(lead_ids: Sequence[str], channel: str, now: datetime) -> int:
    """Skip the leads' waiting steps on the channel, and those that would follow on it: how many.

    In settings.CHANNEL_WENT_OFF: runs in the caller's transaction, which holds the leads' locks. What follows keeps
    its distance to when the skipped step was wanted, so that a no by SMS does not bring the e-mail sooner.
    """
    skipped = 0
    while rows := _waiting(lead_ids, channel):
        closed = [{"id": row.pk, "fence": row.fence} for row in rows]
        done = {"status": STATUS.SKIPPED, "reason": str(Reason.SUPPRESSED), "executed_at": now, **CLOSED}
        ours = update_rows(
            SequenceStepExecution, closed, match=("fence",), bump=("fence",), same=done, status=STATUS.SCHEDULED
        )
        mine = [row for row in rows if row.pk in ours]
        advance([Finished(row.enrollment, row.lead, row.step, wanted_at=row.scheduled_at) for row in mine], now)
        skipped += len(mine)
        if not mine:
            break
    return skipped


def _waiting(lead_ids: Sequence[str], channel: str) -> list[SequenceStepExecution]:
    steps = SequenceStepExecution.objects.scheduled().filter(
        lead__in=listed(lead_ids), step__channel=channel, enrollment__status__in=SequenceEnrollment.OPEN
    )
    return list(steps.select_related("enrollment", "lead", "step"))
