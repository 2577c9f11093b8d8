"""How the outside is reached (credentials), and what it told us (inbound events)."""

from typing import Self

from django.db import models
from django.db.models import Q

from retention_center.lib import clock
from retention_center.lib.encryption import EncryptedJSONField
from retention_center.lib.models import Identified, Timestamped

KIND_WORDS = {  # kinds of inbound events, for people
    "address_opt_out": "Unsubscribed",
    "campaign_event": "News of a campaign",
    "conversion": "Conversion",
    "delivery": "Delivery report",
    "interest": "Interest of a person",
    "message": "Message from a person",
    "note": "Note on a contact",
    "opt_out": "Opt-out",
    "reply": "Reply",
}


class IntegrationConfig(Identified, Timestamped):
    """One provider's credentials and options; ``config`` is ciphertext in the database (INV-22)."""

    class Type(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "SMS"
        CALL = "call", "Call"
        WEBHOOK = "webhook", "Webhook"
        TRACKING = "tracking", "Tracking"
        SANDBOX = "sandbox", "Sandbox"

    provider = models.CharField(max_length=20, unique=True)
    type = models.CharField(max_length=10, choices=Type)
    config = EncryptedJSONField(default=dict)
    is_active = models.BooleanField(default=False)

    class Meta:
        ordering = ("provider",)

    def __str__(self) -> str:
        return self.provider


class ProviderPace(models.Model):
    """A token bucket shared by all workers: how many calls a provider may still start now."""

    provider = models.CharField(primary_key=True, max_length=20)
    tokens = models.FloatField()
    filled_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.provider


class ProviderBreaker(models.Model):
    """Counts what a provider refuses to everybody; while ``retry_at`` stands, nothing more is sent through it.

    ``failures`` are refusals since the last success that would have hit any message. ``opened_at`` is when they
    became too many, ``retry_at`` when one message may try again.
    """

    provider = models.CharField(primary_key=True, max_length=20)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=255, blank=True)

    def __str__(self) -> str:
        return self.provider


class InboundEventQuerySet(models.QuerySet["InboundEvent"]):
    def waiting(self) -> Self:
        return self.filter(status=InboundEvent.Status.WAITING)

    def unmatched(self) -> Self:
        """They fit nobody: staff link them to somebody, or leave them."""
        return self.filter(status=InboundEvent.Status.UNMATCHED)


class InboundEvent(Identified):
    """One thing the outside told us: verified, stored once, answered, then acted on.

    ``facts`` are the event in our own words, the same shape for every provider; ``payload`` is what came,
    without secrets. ``attempt_id``, ``provider_ref`` and ``lead_id`` are whom it speaks of, as far as known.
    """

    class Status(models.TextChoices):
        WAITING = "WAITING"
        APPLIED = "APPLIED"
        UNMATCHED = "UNMATCHED"
        REFUSED = "REFUSED"

    provider = models.CharField(max_length=20)
    kind = models.CharField(max_length=20, help_text="A key of settings.INBOUND_HANDLERS.")
    event_key = models.CharField(max_length=255)
    facts = models.JSONField(default=dict)
    payload = models.JSONField(default=dict)
    attempt_id = models.CharField(max_length=40, blank=True)
    provider_ref = models.CharField(max_length=255, blank=True)
    lead_id = models.CharField(max_length=40, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    reason = models.CharField(max_length=255, blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    occurred_at = models.DateTimeField(default=clock.now)
    received_at = models.DateTimeField(default=clock.now)
    processed_at = models.DateTimeField(null=True, blank=True)

    objects = InboundEventQuerySet.as_manager()

    class Meta:
        ordering = ("-received_at", "-id")
        constraints = [models.UniqueConstraint(fields=["provider", "event_key"], name="inbound_event_once")]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"],
                condition=Q(status="WAITING"),
                name="inbound_waiting",
            ),
            models.Index(fields=["provider", "received_at"], name="inbound_of_provider"),
            models.Index(fields=["status", "received_at"], name="inbound_by_status"),
            models.Index(fields=["attempt_id"], condition=~Q(attempt_id=""), name="inbound_of_attempt"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind}"

    @property
    def what(self) -> str:
        """ "Delivery report, delivered"."""
        kind = KIND_WORDS.get(self.kind, self.kind.replace("_", " ").capitalize())
        word = str(self.facts.get("status") or self.facts.get("keyword") or "")
        return f"{kind}, {word.lower()}" if word else kind
