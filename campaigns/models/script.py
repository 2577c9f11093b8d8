from django.db import models
from django.db.models import Q
from django.urls import reverse

from campaigns.models.campaign import Campaign
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified, Timestamped


class Script(Identified, Timestamped):
    """A message with Liquid placeholders, for one channel; the text is rendered when an intent is written."""

    class ContentType(models.TextChoices):
        TEXT = "text", "Plain text"
        HTML = "html", "HTML"

    name = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Channel)
    subject = models.CharField(max_length=300, blank=True, help_text="E-mail only; blank: the script's name.")
    content = models.TextField(blank=True)
    content_type = models.CharField(max_length=4, choices=ContentType, default=ContentType.TEXT)
    url = models.URLField(
        max_length=500,
        blank=True,
        help_text="Webhook only: where the JSON body is posted.",
    )
    provider = models.CharField(
        max_length=20,
        blank=True,
        help_text="Blank: the channel's first active provider.",
    )
    vapi_config = models.JSONField(default=dict, blank=True)
    instantly_campaign_id = models.CharField(
        max_length=60, blank=True, editable=False, help_text="The campaign at Instantly that sends this script."
    )
    campaign = models.ForeignKey(Campaign, models.SET_NULL, null=True, blank=True, related_name="scripts")
    is_default = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["type"],
                condition=Q(is_default=True),
                name="script_default_once",
            ),
        ]
        indexes = [
            models.Index(fields=["type", "created_at"], name="script_by_type"),
            models.Index(fields=["created_at", "id"], name="script_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("script", args=[self.pk])

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None
