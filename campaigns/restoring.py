"""After a restore from a backup: sending stops, and what campaigns may have sent since the backup waits for staff."""

from datetime import datetime

from django.db.models import F
from django.db.models.functions import Coalesce

from campaigns import sending
from campaigns.models import CampaignLead, ContactAttempt
from campaigns.reasons import Reason
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.restoring import NOTE


def stop_sending(_now: datetime, actor: Actor) -> int:
    """Nothing leaves until staff resume."""
    sending.pause_all(actor, note=NOTE)
    return 0


def doubt_calls(_now: datetime, _actor: Actor) -> int:
    """Intents of the backup may have been called after it was made: the provider is asked, by their keys."""
    open_ones = ContactAttempt.objects.filter(status=ContactAttempt.Status.PENDING, called_at=None)
    open_ones.update(called_at=Coalesce(F("deadline_at"), F("recorded_at")))
    return 0


def hold_due(now: datetime, _actor: Actor) -> int:
    """Places whose next contact was due: how many."""
    return CampaignLead.objects.due(now).update(
        due_at=None,
        held_reason=Reason.RESTORED.value,
        held_since=now,
        held_until=None,
        fence=F("fence") + 1,
        updated_at=clock.now(),
    )
