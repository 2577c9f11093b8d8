from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from campaigns.policy import ENDS_BY_ITSELF
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified, Timestamped
from retention_center.lib.states import Stateful


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def running(self, now: datetime) -> Self:
        """Active campaigns inside their dates."""
        begun = Q(start_date=None) | Q(start_date__lte=now)
        return self.filter(begun, Q(end_date=None) | Q(end_date__gt=now), status=Campaign.Status.ACTIVE)


class Campaign(Stateful, Identified, Timestamped):
    """Leads that are worked together: channels, contact rules, scripts.

    ``meta`` keeps the names other systems know: contactHoursStart, contactHoursEnd, contactDays,
    maxContactsPerDay, delayBetweenChannels (milliseconds), autoAssign, emailSequence, vapiConfig,
    instantlySync, instantlyCampaignId. With ``autoAssign`` new leads are assigned along ``assign_cursor``, the time of
    the last lead looked at, and nobody who came before ``assigns_from``.
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
    instantly_figures = models.JSONField(default=dict, editable=False, help_text="As Instantly counted them last.")
    assigns_from = models.DateTimeField(null=True, blank=True, editable=False)
    assign_cursor = models.DateTimeField(null=True, editable=False)

    objects = CampaignQuerySet.as_manager()

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

    def contact_keys(self, *, with_instantly: bool = False) -> list[tuple[str, str]]:
        """(key, channel) of each contact that this campaign makes with a lead, in order.

        E-mail goes through ``emailSequence`` where it names scripts. With ``instantlySync`` it is Instantly's matter,
        and told only ``with_instantly``.
        """
        scripts = list(dict.fromkeys(self.meta.get("emailSequence") or []))
        keys: list[tuple[str, str]] = []
        for channel in self.channels:
            if channel == Channel.EMAIL and self.meta.get("instantlySync") and not with_instantly:
                continue
            in_a_row = scripts if channel == Channel.EMAIL and scripts else [channel]
            keys += [(key, channel) for key in in_a_row]
        return keys


class CampaignLeadQuerySet(models.QuerySet["CampaignLead"]):
    def waiting(self) -> Self:
        """Places with something still to come."""
        return self.filter(status__in=CampaignLead.WAITING)

    def in_state(self, state: str) -> Self:
        """Places by what is planned for them: planned, held, in_flight, not_planned; or all_done."""
        if state == "all_done":
            return self.filter(status=CampaignLead.Status.COMPLETED, reason="")
        if state == "held":
            return self.held()
        waiting = self.waiting().filter(is_in_flight=state == "in_flight")
        return waiting if state == "in_flight" else waiting.filter(held_reason="", due_at__isnull=state != "planned")

    def held(self) -> Self:
        return self.waiting().filter(is_in_flight=False).exclude(held_reason="")

    def waiting_for_staff(self) -> Self:
        """Held without an end, in a campaign that goes on: nothing but a decision of staff moves them."""
        goes_on = (Campaign.Status.ACTIVE, Campaign.Status.PAUSED)
        held = self.held().filter(due_at=None, held_until=None, campaign__status__in=goes_on)
        return held.exclude(held_reason__in=ENDS_BY_ITSELF)

    def due(self, now: datetime) -> Self:
        """Places whose next contact's time has come; those held for staff or in flight have no ``due_at``."""
        return self.waiting().filter(due_at__lte=now)


class CampaignLead(Stateful, Identified):
    """A lead's place in a campaign, one per pair (INV-19), and the contact that comes next there.

    ``done`` are the keys of the campaign's plan (`running.plan_of`) this lead is through with; they are never done
    again, however the campaign is changed. ``due_at`` is when the processor looks next, ``scheduled_at`` when the
    campaign wants it. In flight it is owned by ``claimed_by`` until ``lease_until``; whoever holds the current
    ``fence`` settles it (INV-10). ``failures`` counts the refusals of the key that is next.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", "Waiting"
        CONTACTED = "CONTACTED"
        COMPLETED = "COMPLETED"

    WAITING = (Status.PENDING, Status.CONTACTED)
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
    done = models.JSONField(default=list, blank=True)
    scheduled_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    held_reason = models.CharField(max_length=40, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(null=True, blank=True)
    try_no = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=255, blank=True)
    contact_attempt = models.ForeignKey(
        "campaigns.ContactAttempt", models.SET_NULL, null=True, blank=True, related_name="campaign_places"
    )
    is_in_flight = models.BooleanField(default=False)
    fence = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = CampaignLeadQuerySet.as_manager()

    class Meta:
        ordering = ("-assigned_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "lead"], name="campaign_lead_once"),
            models.CheckConstraint(
                condition=Q(is_in_flight=False) | Q(lease_until__isnull=False, fence__gte=1, due_at=None),
                name="campaign_lead_flight_is_leased",
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "status", "assigned_at"],
                name="campaign_lead_by_status",
            ),
            models.Index(
                fields=["campaign", "due_at", "id"],
                condition=Q(status__in=["PENDING", "CONTACTED"], due_at__isnull=False),
                name="campaign_lead_due",
            ),
            models.Index(fields=["lease_until"], condition=Q(is_in_flight=True), name="campaign_lead_in_flight"),
            models.Index(  # by status too, else SQLite walks all who wait instead
                fields=["campaign", "status", "held_reason"],
                condition=~Q(held_reason=""),
                name="campaign_lead_held",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lead} in {self.campaign}"

    @property
    def next_channel(self) -> str:
        """The channel of the contact that comes next; blank when none is left. Needs the campaign loaded."""
        return next((channel for key, channel in self.campaign.contact_keys() if key not in self.done), "")
