"""What came of it: money, and what is learned from it."""

from decimal import Decimal
from typing import Self

from django.db import models
from django.urls import reverse

from campaigns.models import Campaign, ContactAttempt
from leads.models import Lead
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified, Timestamped


class ConversionQuerySet(models.QuerySet["Conversion"]):
    def confirmed(self) -> Self:
        """Conversions that are money (INV-24); pending and rejected ones are not."""
        return self.filter(standing=Conversion.Standing.CONFIRMED)

    def standing_ones(self) -> Self:
        """Pending and confirmed: a rejected conversion is no conversion."""
        return self.exclude(standing=Conversion.Standing.REJECTED)


class Conversion(Identified, Timestamped):
    """One sale or sign-up. ``status`` is the sender's own word, ``standing`` what it means to us.

    One row per (source, dedupe key) (INV-15); a change of status updates that row, so that revenue counts once.
    """

    class Standing(models.TextChoices):
        PENDING = "pending", "Pending"
        CONFIRMED = "confirmed", "Confirmed"
        REJECTED = "rejected", "Rejected"

    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, blank=True, related_name="conversions")
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True, blank=True, related_name="conversions")
    contact_attempt = models.ForeignKey(
        ContactAttempt,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="conversions",
    )
    channel = models.CharField(max_length=10, choices=Channel, blank=True)
    revenue = models.DecimalField(max_digits=14, decimal_places=4, default=Decimal(0))
    currency = models.CharField(max_length=3, blank=True)
    status = models.CharField(max_length=40)
    standing = models.CharField(max_length=10, choices=Standing)
    sub_id = models.CharField(max_length=255, blank=True)
    click_id = models.CharField(max_length=255, blank=True)
    tid = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=20)
    dedupe_key = models.CharField(max_length=600)
    postback_data = models.JSONField(default=dict, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = ConversionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [models.UniqueConstraint(fields=["source", "dedupe_key"], name="conversion_once")]
        indexes = [
            models.Index(fields=["lead", "created_at"], name="conversion_of_lead"),
            models.Index(fields=["campaign", "created_at"], name="conversion_of_campaign"),
            models.Index(fields=["sub_id"], name="conversion_by_sub_id"),
            models.Index(fields=["click_id"], name="conversion_by_click_id"),
            models.Index(fields=["source", "created_at"], name="conversion_by_source"),
            models.Index(fields=["standing", "created_at"], name="conversion_by_standing"),
            models.Index(fields=["created_at", "id"], name="conversion_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.status} of {self.lead or 'nobody yet'}"

    def get_absolute_url(self) -> str:
        return reverse("conversion", args=[self.pk])

    @property
    def old_revenue(self) -> Decimal:
        """What a rejected conversion was worth before it was taken back."""
        history = self.postback_data.get("history") or []
        amounts = [Decimal(str(entry.get("revenue") or 0)) for entry in history]
        return next((amount for amount in reversed(amounts) if amount), Decimal(0))


class ConversionRule(Identified, Timestamped):
    """Something learned: on a channel, a metric's value went with a conversion rate, this surely."""

    channel = models.CharField(max_length=10, choices=Channel)
    metric = models.CharField(max_length=60)
    value = models.CharField(max_length=120)
    conversion_rate = models.FloatField(help_text="0 to 1")
    sample_size = models.PositiveIntegerField()
    confidence = models.FloatField(help_text="0 to 1")

    class Meta:
        ordering = ("channel", "metric", "value")
        constraints = [models.UniqueConstraint(fields=["channel", "metric", "value"], name="conversion_rule_once")]

    def __str__(self) -> str:
        return f"{self.channel} {self.metric} {self.value}"
