from django.db import models
from django.urls import reverse

from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.models import Identified, Timestamped
from retention_center.lib.states import Stateful


class Campaign(Stateful, Identified, Timestamped):
    """Leads that are worked together: channels, contact rules, scripts.

    ``meta`` keeps the names other systems know: contactHoursStart, contactHoursEnd, contactDays,
    maxContactsPerDay, delayBetweenChannels (milliseconds), autoAssign, emailSequence, vapiConfig,
    instantlySync, instantlyCampaignId.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT"
        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        COMPLETED = "COMPLETED"

    MOVES = {
        Status.DRAFT: {Status.ACTIVE},
        Status.ACTIVE: {Status.PAUSED, Status.COMPLETED},
        Status.PAUSED: {Status.ACTIVE, Status.COMPLETED},
        Status.COMPLETED: set(),
    }

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    channels = models.JSONField(default=list)
    meta = models.JSONField(default=dict, blank=True)
    start_date = models.DateTimeField(null=True, blank=True)
    end_date = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            models.Index(fields=["status", "created_at", "id"], name="campaign_by_status"),
            models.Index(fields=["created_at", "id"], name="campaign_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaign", args=[self.pk])


class CampaignLead(Stateful, Identified):
    """A lead's place in a campaign, one per pair (INV-19)."""

    class Status(models.TextChoices):
        PENDING = "PENDING", "Waiting"
        CONTACTED = "CONTACTED"
        COMPLETED = "COMPLETED"

    MOVES = {
        Status.PENDING: {Status.CONTACTED, Status.COMPLETED},
        Status.CONTACTED: {Status.COMPLETED},
        Status.COMPLETED: set(),
    }

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="campaign_leads")
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="campaign_leads")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    reason = models.CharField(max_length=40, blank=True, help_text="Why it is completed; a reason code.")
    assigned_at = models.DateTimeField(default=clock.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-assigned_at", "-id")
        constraints = [models.UniqueConstraint(fields=["campaign", "lead"], name="campaign_lead_once")]
        indexes = [
            models.Index(
                fields=["campaign", "status", "assigned_at"],
                name="campaign_lead_by_status",
            )
        ]

    def __str__(self) -> str:
        return f"{self.lead} in {self.campaign}"
