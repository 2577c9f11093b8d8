from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from campaigns.models.ab_test import ABTest
from campaigns.models.campaign import Campaign
from campaigns.models.script import Script
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified


class ContactAttemptQuerySet(models.QuerySet["ContactAttempt"]):
    def accepted(self) -> Self:
        """Attempts which a provider took."""
        return self.filter(status__in=ContactAttempt.ACCEPTED)

    def counted(self) -> Self:
        """Attempts which count against the daily cap and the gap: all but those certainly never sent."""
        return self.filter(was_unsent=False)


class ContactAttempt(Identified):
    """One intent to contact a lead, written before the provider is called, and all that came of it.

    Facts only grow: the status moves up ``RANK`` (INV-11), flags in ``result`` go from false to true.
    ``started_at`` is the time that decided (it may have been passed in); ``recorded_at`` is the real clock at
    commit. ``called_at`` is set just before the provider is called: PENDING without it was never sent.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", "In flight"
        UNKNOWN = "UNKNOWN"
        SENT = "SENT"
        FAILED = "FAILED"
        BOUNCED = "BOUNCED"
        DELIVERED = "DELIVERED"
        SUCCESS = "SUCCESS"

    # Proof of arrival beats a report of failure
    RANK: ClassVar[dict[str, int]] = {status: rank for rank, status in enumerate(Status)}
    ACCEPTED = (Status.SENT, Status.BOUNCED, Status.DELIVERED, Status.SUCCESS)

    class Origin(models.TextChoices):
        SEQUENCE = "sequence"
        CAMPAIGN = "campaign"
        MANUAL = "manual"

    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, related_name="contact_attempts")
    campaign = models.ForeignKey(
        Campaign,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="contact_attempts",
    )
    script = models.ForeignKey(Script, models.SET_NULL, null=True, blank=True, related_name="contact_attempts")
    ab_test = models.ForeignKey(
        ABTest, models.SET_NULL, null=True, blank=True, related_name="contact_attempts", db_index=False
    )
    variant = models.CharField(max_length=1, blank=True, help_text="Of the A/B test: A or B.")
    channel = models.CharField(max_length=10, choices=Channel)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    provider = models.CharField(max_length=20, blank=True)
    provider_ref = models.CharField(max_length=255, null=True, blank=True)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.SEQUENCE)
    work_id = models.CharField(max_length=100, blank=True, help_text="The work item it was written for.")
    try_no = models.PositiveIntegerField(default=1)
    idempotency_key = models.CharField(max_length=120, unique=True)
    address = models.CharField(max_length=254, blank=True)
    message = models.JSONField(default=dict, blank=True, help_text="The text as it was rendered.")
    policy_snapshot = models.JSONField(default=dict, blank=True, help_text="The facts that decided.")
    local_date = models.DateField(null=True, help_text="The lead's own date, for the daily cap.")
    reason = models.CharField(max_length=40, blank=True, help_text="Why it failed; a reason code.")
    was_unsent = models.BooleanField(default=False, help_text="Certainly never reached the provider.")
    started_at = models.DateTimeField(default=clock.now)
    recorded_at = models.DateTimeField(default=clock.now, editable=False)
    deadline_at = models.DateTimeField(null=True, help_text="No call may begin after it (real clock).")
    called_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds, for calls.")
    cost = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    result = models.JSONField(default=dict, blank=True)
    notes = models.TextField(blank=True)
    is_legacy = models.BooleanField(default=False, editable=False, help_text="Brought over from the old system.")

    objects = ContactAttemptQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["origin", "work_id", "try_no"], name="attempt_once_per_try"),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=~Q(provider_ref=None),
                name="attempt_ref_once",
            ),
        ]
        indexes = [
            models.Index(fields=["lead", "started_at"], name="attempt_of_lead"),
            models.Index(fields=["campaign", "started_at"], name="attempt_of_campaign"),
            models.Index(fields=["channel", "started_at"], name="attempt_by_channel"),
            models.Index(fields=["status", "started_at"], name="attempt_by_status"),
            models.Index(fields=["started_at", "id"], name="attempt_newest"),
            # Few attempts belong to a test: the others cost this index nothing
            models.Index(fields=["ab_test", "variant"], condition=~Q(ab_test=None), name="attempt_of_test"),
            # Contacts by hand are their own work: the few of which nobody knows yet what came of them
            models.Index(
                fields=["deadline_at"],
                condition=Q(origin="manual", status__in=["PENDING", "UNKNOWN"], completed_at=None),
                name="attempt_by_hand_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} to {self.lead or 'an erased lead'}"

    def get_absolute_url(self) -> str:
        return reverse("attempt", args=[self.pk])

    @property
    def is_sandbox(self) -> bool:
        """Whether nothing really went out."""
        return self.provider == "sandbox"
