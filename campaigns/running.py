"""What campaigns do by themselves."""

from datetime import datetime

from django.db import transaction

from campaigns import changing
from campaigns.models import Campaign
from retention_center import audit
from retention_center.lib.states import RefusedTransition


def complete_ended(now: datetime) -> int:
    """Complete the active campaigns whose end has passed: how many."""
    completed = 0
    for campaign in Campaign.objects.filter(status=Campaign.Status.ACTIVE, end_date__lte=now).order_by("pk"):
        try:
            with transaction.atomic():
                changing.move(campaign, Campaign.Status.COMPLETED, audit.SYSTEM)
            completed += 1
        except RefusedTransition:
            continue  # somebody moved it at this very moment
    return completed
