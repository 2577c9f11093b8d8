"""What campaigns and the inbox forget of an erased lead; the bare facts of each contact stay for statistics."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from campaigns.models import CampaignLead, ContactAttempt
from integrations.models import InboundEvent
from retention_center import audit

FLAGS = ("opened", "clicked", "replied", "bounced", "unsubscribed", "auto_replied", "status", "segments")
CALL_FACTS = ("call_status", "outcome", "endedReason", "duration")
SLICE = 500


def bare(result: Mapping[str, Any]) -> dict[str, Any]:
    """What an erased lead's attempt keeps of its result: nothing anybody said."""
    return {name: value for name, value in result.items() if name in {*FLAGS, *CALL_FACTS}}


def erase_leads(lead_ids: Sequence[str]) -> None:
    """Take text, address and answers out of the leads' attempts and out of what providers told us of them."""
    attempts = ContactAttempt.objects.filter(lead_id__in=lead_ids)
    ids = list(attempts.values_list("pk", flat=True))
    for attempt in attempts.exclude(result={}).only("result").iterator(SLICE):
        if (kept := bare(attempt.result)) != attempt.result:
            ContactAttempt.objects.filter(pk=attempt.pk).update(result=kept)
    CampaignLead.objects.filter(lead_id__in=lead_ids).update(last_error="")
    attempts.update(message={}, address="", notes="")
    told = InboundEvent.objects.filter(Q(lead_id__in=lead_ids) | Q(attempt_id__in=ids))
    told.waiting().update(status=InboundEvent.Status.REFUSED, reason="The lead was erased.")
    told.update(payload={}, facts={})
    audit.forget("contactattempt", ids, "Attempt of an erased lead")
