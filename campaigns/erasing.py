"""What campaigns and the inbox forget of an erased lead; the bare facts of each contact stay for statistics."""

from collections.abc import Sequence

from django.db.models import Q

from campaigns.models import CampaignLead, ContactAttempt
from integrations.models import InboundEvent
from retention_center import audit

FLAGS = ("opened", "clicked", "replied", "bounced", "unsubscribed", "status", "segments", "duration", "outcome")
SLICE = 500


def erase_leads(lead_ids: Sequence[str]) -> None:
    """Take text, address and answers out of the leads' attempts and out of what providers told us of them."""
    attempts = ContactAttempt.objects.filter(lead_id__in=lead_ids)
    ids = list(attempts.values_list("pk", flat=True))
    for attempt in attempts.exclude(result={}).only("result").iterator(SLICE):
        bare = {name: value for name, value in attempt.result.items() if name in FLAGS}
        if bare != attempt.result:
            ContactAttempt.objects.filter(pk=attempt.pk).update(result=bare)
    CampaignLead.objects.filter(lead_id__in=lead_ids).update(last_error="")
    attempts.update(message={}, address="", notes="")
    told = InboundEvent.objects.filter(Q(lead_id__in=lead_ids) | Q(attempt_id__in=ids))
    told.waiting().update(status=InboundEvent.Status.REFUSED, reason="The lead was erased.")
    told.update(payload={}, facts={})
    audit.forget("contactattempt", ids, "Attempt of an erased lead")
