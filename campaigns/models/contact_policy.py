from typing import Self

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from retention_center.lib import clock
from retention_center.lib.models import Identified

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOUR = RegexValidator(r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$", "Write a time as HH:MM, 00:00 to 24:00.")


def every_day() -> list[str]:
    return list(DAYS)


class ContactPolicy(models.Model):
    """The organisation's rules for contacting anybody, one row; campaigns and sequences may only narrow it.

    Hours are the lead's local time; a window whose end is before its start wraps over midnight.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    contact_hours_start = models.CharField(max_length=5, default="08:00", validators=[HOUR])
    contact_hours_end = models.CharField(max_length=5, default="21:00", validators=[HOUR])
    contact_days = models.JSONField(default=every_day)
    max_contacts_per_day = models.PositiveIntegerField(default=3, validators=[MinValueValidator(1)])
    delay_between_channels = models.PositiveBigIntegerField(default=0, help_text="Milliseconds.")
    late_after_hours = models.PositiveIntegerField(default=24, validators=[MinValueValidator(1)])
    holidays = models.JSONField(default=list, blank=True, help_text="Local dates without contact, YYYY-MM-DD.")
    per_channel = models.JSONField(default=dict, blank=True, help_text="Narrower rules of single channels.")
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name_plural = "contact policy"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="contact_policy_one_row")]

    def __str__(self) -> str:
        return "Contact policy"

    @classmethod
    def load(cls) -> Self:
        """The one row, or the defaults where nobody has saved it yet."""
        return cls.objects.filter(pk=1).first() or cls()


class SendingPause(Identified):
    """While the row stands, nothing in its scope is sent; it is deleted to go on (INV-8)."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        CHANNEL = "channel"
        PROVIDER = "provider"

    scope = models.CharField(max_length=10, choices=Scope, default=Scope.ALL)
    target = models.CharField(
        max_length=20,
        blank=True,
        help_text="The channel or provider; blank for everything.",
    )
    note = models.CharField(max_length=200, blank=True, help_text="Why it is stopped.")
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(
        "retention_center.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "target"], name="sending_pause_once")]

    def __str__(self) -> str:
        return self.target or "Everything"
