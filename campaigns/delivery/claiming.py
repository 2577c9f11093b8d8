"""Which leads a worker may take now."""

from collections.abc import Iterable

from leads.models import Lead


def lock_free(lead_ids: Iterable[str]) -> dict[str, Lead]:
    """The leads nobody else works on, locked in id order, whole."""
    free = Lead.objects.filter(pk__in=set(lead_ids)).order_by("pk")
    return {lead.pk: lead for lead in free.select_for_update(skip_locked=True, of=("self",))}
