"""What the doctor may mend in campaigns' rows. Each is audited, and finds nothing when it is asked again."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from campaigns.models import CampaignLead
from retention_center import audit
from retention_center.doctor import ACTOR
from retention_center.lib import clock

AT_ONCE = 1000
COMPLETED = CampaignLead.objects.filter(status=CampaignLead.Status.COMPLETED)


def date_places(_now: datetime) -> int:
    """A completed place without its time takes that of its last change."""
    return _change(COMPLETED.filter(completed_at=None), completed_at=Coalesce(F("completed_at"), F("updated_at")))


def close_places(_now: datetime) -> int:
    """A completed place waits for nothing more."""
    return _change(COMPLETED.exclude(due_at=None), due_at=None)


def start_places(places: QuerySet[CampaignLead], now: datetime) -> int:
    """Places of running campaigns that nobody would look at are due."""
    return _change(places, due_at=now, scheduled_at=now)


def _change(rows: QuerySet[CampaignLead], **changes: object) -> int:
    found: Sequence[CampaignLead] = list(rows.select_related("lead", "campaign")[:AT_ONCE])
    changed = CampaignLead.objects.filter(pk__in=[row.pk for row in found])
    audit.record_many(ACTOR, "repair", [(row, {}, {"columns": list(changes)}) for row in found])
    return changed.update(updated_at=clock.now(), **changes)
