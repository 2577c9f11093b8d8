"""Which leads a worker may take now."""

from collections.abc import Collection, Iterable

from django.db import connection

from leads.models import Lead
from retention_center.lib.bulk import listed


def lock_all(lead_ids: Collection[str]) -> None:
    """Wait for the leads, in id order. On SQLite the transaction is the lock: nobody else writes."""
    if connection.vendor == "postgresql":
        list(Lead.objects.filter(pk__in=listed(sorted(set(lead_ids)))).locked().values_list("pk"))


def lock_free(lead_ids: Iterable[str]) -> dict[str, Lead]:
    """The leads nobody else works on, locked in id order, whole."""
    free = Lead.objects.filter(pk__in=set(lead_ids)).order_by("pk")
    return {lead.pk: lead for lead in free.select_for_update(skip_locked=True, of=("self",))}
