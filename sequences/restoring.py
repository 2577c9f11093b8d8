"""After a restore from a backup: what sequences may have sent since the backup waits for staff."""

from datetime import datetime

from django.db.models import F, Q

from campaigns.reasons import Reason
from retention_center.audit import Actor
from sequences.models import SequenceEnrollment, SequenceStepExecution
from sequences.taking_in import enroll_by_triggers

HELD = {"due_at": None, "held_reason": Reason.RESTORED.value, "held_until": None}


def hold_due(now: datetime, _actor: Actor) -> int:
    """Steps that were due, paused ones too, and all of those whom a trigger would take now: how many.

    The lost system's triggers may have taken them already, and sent them their first steps. They enter here, where
    their steps can be held, rather than at the first round after staff resume.
    """
    enroll_by_triggers(now)
    due = Q(due_at__lte=now) | Q(due_at=None, held_reason="", scheduled_at__lte=now)
    entered = Q(enrollment__source=SequenceEnrollment.Source.TRIGGER, enrollment__enrolled_at__gte=now)
    held = SequenceStepExecution.objects.scheduled().filter(due | entered).values("pk")
    return SequenceStepExecution.objects.filter(pk__in=held).update(held_since=now, fence=F("fence") + 1, **HELD)
