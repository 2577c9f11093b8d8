"""The four ways to reach a lead."""

from django.db import models


class Channel(models.TextChoices):
    EMAIL = "EMAIL", "E-mail"
    SMS = "SMS", "SMS"
    CALL = "CALL", "Call"
    WEBHOOK = "WEBHOOK", "Webhook"
