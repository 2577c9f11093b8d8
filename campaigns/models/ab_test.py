from django.db import models

from campaigns.models.campaign import Campaign
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified
from retention_center.lib.states import Stateful


class ABTest(Stateful, Identified):
    """Two texts for a campaign's message on one channel, each lead always given the same one.

    While it runs its figures are counted from the attempts; ``stats_*`` keep them as they stood at its end.
    ``winner_id`` is "A" or "B", blank while nobody has chosen.
    """

    class Status(models.TextChoices):
        RUNNING = "RUNNING"
        COMPLETED = "COMPLETED"

    MOVES = {Status.RUNNING: {Status.COMPLETED}, Status.COMPLETED: set()}

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="ab_tests")
    channel = models.CharField(max_length=10, choices=Channel)
    variant_a = models.TextField()
    variant_b = models.TextField()
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    winner_id = models.CharField(max_length=40, blank=True)
    stats_a = models.JSONField(default=dict, blank=True)
    stats_b = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("-started_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "channel"], condition=models.Q(status="RUNNING"), name="ab_test_runs_alone"
            )
        ]
        verbose_name = "A/B test"

    def text_of(self, variant: str) -> str:
        """The text of "A" or "B"."""
        return self.variant_a if variant == "A" else self.variant_b

    def __str__(self) -> str:
        return f"{self.campaign}, {self.get_channel_display()}"
