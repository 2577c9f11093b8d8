from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from campaigns.models import Script
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified, Timestamped
from retention_center.lib.states import Stateful


class RetentionSequenceQuerySet(models.QuerySet["RetentionSequence"]):
    def running(self) -> Self:
        return self.filter(status=RetentionSequence.Status.ACTIVE)

    def triggered(self) -> Self:
        """Running sequences that enroll by themselves."""
        return self.running().exclude(trigger_type=RetentionSequence.Trigger.MANUAL)


class RetentionSequence(Stateful, Identified, Timestamped):
    """Steps a lead is taken through until they are done, or the lead converts, replies or opts out.

    ``version`` is the live version of the steps; every publishing makes the next one and keeps the old.
    ``trigger_config``: lookbackMinutes, source, status, minAgeHours, as its trigger uses them.
    ``re_entry`` says whether its trigger takes somebody again whose run has finished, ``entrants_per_day`` how many
    it may take in a day of the organisation's zone (empty: any number). ``contact_rules`` narrow the organisation's
    contact policy, by the names of a campaign's ``meta``. ``draft`` are steps that are not yet published.
    Triggers walk along three cursors, up to which nobody is left to take: ``changed_cursor`` over leads made or
    changed, ``age_cursor`` over leads that came of age (no_conversion), ``finished_cursor`` over runs that finished
    (re-entry). Nobody who matched before ``enrolls_from`` enters by itself; empty means everybody may.
    """

    class Status(models.TextChoices):
        DRAFT = "DRAFT"
        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        ARCHIVED = "ARCHIVED"

    class Trigger(models.TextChoices):
        MANUAL = "manual", "By hand"
        NEW_LEAD = "new_lead", "New lead"
        NO_CONVERSION = "no_conversion", "No conversion"

    class ReEntry(models.TextChoices):
        NEVER = "never", "Never"
        AFTER_FINISHING = "after_finishing", "After finishing"
        AFTER_DAYS = "after_days", "Some days after finishing"

    MOVES = {
        Status.DRAFT: {Status.ACTIVE},
        Status.ACTIVE: {Status.PAUSED, Status.ARCHIVED},
        Status.PAUSED: {Status.ACTIVE, Status.ARCHIVED},
        Status.ARCHIVED: set(),
    }

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    channels = models.JSONField(default=list, help_text="The channels of its live steps.")
    trigger_type = models.CharField(max_length=15, choices=Trigger, default=Trigger.MANUAL)
    trigger_config = models.JSONField(default=dict, blank=True)
    re_entry = models.CharField(max_length=15, choices=ReEntry, default=ReEntry.NEVER)
    re_entry_days = models.PositiveIntegerField(null=True, blank=True)
    entrants_per_day = models.PositiveIntegerField(null=True, blank=True)
    contact_rules = models.JSONField(default=dict, blank=True)
    stop_on_reply = models.BooleanField(default=True)
    draft = models.JSONField(null=True, blank=True, editable=False)
    drafted_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=0, help_text="The live version of its steps; 0: none yet.")
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    enrolls_from = models.DateTimeField(null=True, blank=True, editable=False)
    changed_cursor = models.DateTimeField(null=True, editable=False)
    age_cursor = models.DateTimeField(null=True, editable=False)
    finished_cursor = models.DateTimeField(null=True, editable=False)

    objects = RetentionSequenceQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = "sequence"
        indexes = [
            models.Index(fields=["status", "created_at"], name="sequence_by_status"),
            models.Index(fields=["trigger_type", "status"], name="sequence_by_trigger"),
            models.Index(fields=["created_at", "id"], name="sequence_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("sequence", args=[self.pk])

    def live_steps(self) -> models.QuerySet["SequenceStep"]:
        """The steps of the live version, switched off ones too, in order."""
        return self.steps.filter(version=self.version).order_by("step_order")


class SequenceStep(Identified, Timestamped):
    """One step of one version. ``key`` stays the same over versions, so that nobody repeats a step."""

    class DelayUnit(models.TextChoices):
        HOURS = "HOURS", "hours"
        DAYS = "DAYS", "days"
        WEEKS = "WEEKS", "weeks"

    class OnFailure(models.TextChoices):
        SKIP = "skip", "Skip it and go on"
        STOP = "stop", "Stop the sequence"
        WAIT = "wait", "Wait for staff"

    sequence = models.ForeignKey(RetentionSequence, models.CASCADE, related_name="steps")
    version = models.PositiveIntegerField()
    key = models.CharField(max_length=40)
    step_order = models.PositiveIntegerField(help_text="1 is the first.")
    channel = models.CharField(max_length=10, choices=Channel)
    script = models.ForeignKey(Script, models.SET_NULL, null=True, blank=True, related_name="sequence_steps")
    delay_value = models.PositiveIntegerField(default=0)
    delay_unit = models.CharField(max_length=5, choices=DelayUnit, default=DelayUnit.DAYS)
    conditions = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    on_failure = models.CharField(max_length=4, choices=OnFailure, default=OnFailure.SKIP)

    class Meta:
        ordering = ("version", "step_order")
        constraints = [
            models.UniqueConstraint(fields=["sequence", "version", "step_order"], name="step_order_once"),
            models.UniqueConstraint(fields=["sequence", "version", "key"], name="step_key_once"),
            models.CheckConstraint(condition=Q(step_order__gte=1), name="step_order_from_one"),
        ]

    def __str__(self) -> str:
        return f"Step {self.step_order} of {self.sequence}"


class SequenceVersion(Identified):
    """One publishing of a sequence's steps: when, by whom, and what became of the people who were in it."""

    class Mode(models.TextChoices):
        MOVE = "move", "People move to it"
        PIN = "pin", "People finish on the version they began with"

    sequence = models.ForeignKey(RetentionSequence, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.MOVE)
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=200, blank=True)
    rolled_back_to = models.PositiveIntegerField(null=True, blank=True, help_text="The older version it repeats.")

    class Meta:
        ordering = ("-version",)
        constraints = [models.UniqueConstraint(fields=["sequence", "version"], name="sequence_version_once")]

    def __str__(self) -> str:
        return f"{self.sequence}, version {self.version}"
