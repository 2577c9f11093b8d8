"""What the doctor may mend in leads' rows. Each is audited, and finds nothing when it is asked again."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from leads import removing
from leads.models import Lead
from retention_center import audit
from retention_center.doctor import ACTOR

AT_ONCE = 500


def forget_again(lead_ids: Iterable[str | None], now: datetime) -> int:
    """Take out of every table what is left of erased leads: how many were gone through."""
    ids = sorted({pk for pk in lead_ids if pk})
    forgotten = 0
    for start in range(0, len(ids), AT_ONCE):
        with transaction.atomic():
            leads = list(Lead.objects.filter(pk__in=ids[start : start + AT_ONCE]).exclude(erased_at=None).locked())
            removing.forget([lead.pk for lead in leads], now)
            erased = Lead.objects.filter(pk__in=[lead.pk for lead in leads])
            audit.record_many(ACTOR, "repair", [(lead, {}, {}) for lead in erased])
            forgotten += len(leads)
    return forgotten
