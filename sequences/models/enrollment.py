from typing import Self

from django.db import models
from django.db.models import Q
from django.urls import reverse

from campaigns.policy import ENDS_BY_ITSELF
from campaigns.reasons import Reason, sentence_of
from leads.models import Lead
from retention_center.lib import clock
from retention_center.lib.models import Identified
from retention_center.lib.states import Stateful
from sequences.models.sequence import RetentionSequence


class SequenceEnrollmentQuerySet(models.QuerySet["SequenceEnrollment"]):
    def open(self) -> Self:
        """Enrollments that still have a step to come: ACTIVE or PAUSED."""
        return self.filter(status__in=SequenceEnrollment.OPEN)

    def by_status(self) -> dict[str, int]:
        return dict(self.order_by("status").values_list("status").annotate(models.Count("pk")))


class SequenceEnrollment(Stateful, Identified):
    """A lead's way through a sequence. One row per pair for ever; entering again raises ``run_no`` (INV-17).

    ``version`` is the version of the steps this run follows. ``reason`` says why it ended or is paused.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        PAUSED = "PAUSED"
        COMPLETED = "COMPLETED"
        CANCELLED = "CANCELLED"
        CONVERTED = "CONVERTED"

    OPEN = (Status.ACTIVE, Status.PAUSED)
    MOVES = {
        Status.ACTIVE: {
            Status.PAUSED,
            Status.COMPLETED,
            Status.CANCELLED,
            Status.CONVERTED,
        },
        # A step that was in flight when staff paused may have been the last one
        Status.PAUSED: {Status.ACTIVE, Status.COMPLETED, Status.CANCELLED, Status.CONVERTED},
        Status.COMPLETED: {Status.ACTIVE},  # a new run
        Status.CANCELLED: {Status.ACTIVE},
        Status.CONVERTED: {Status.ACTIVE},
    }

    class Source(models.TextChoices):
        MANUAL = "manual", "By hand"
        API = "api", "By the API"
        TRIGGER = "trigger", "By the sequence"
        IMPORT = "import", "By an import"

    sequence = models.ForeignKey(RetentionSequence, models.CASCADE, related_name="enrollments")
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="sequence_enrollments")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    run_no = models.PositiveIntegerField(default=1)
    version = models.PositiveIntegerField()
    current_step = models.PositiveIntegerField(default=0, help_text="How many steps of this run are done.")
    source = models.CharField(max_length=10, choices=Source, default=Source.MANUAL)
    reason = models.CharField(max_length=40, blank=True)
    enrolled_at = models.DateTimeField(default=clock.now)
    completed_at = models.DateTimeField(null=True, blank=True)
    last_step_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=clock.now, editable=False)
    meta = models.JSONField(default=dict, blank=True)

    objects = SequenceEnrollmentQuerySet.as_manager()

    class Meta:
        ordering = ("-enrolled_at", "-id")
        verbose_name = "enrollment"
        constraints = [models.UniqueConstraint(fields=["sequence", "lead"], name="enrollment_once")]
        indexes = [
            models.Index(
                fields=["sequence", "status", "enrolled_at"],
                name="enrollment_by_status",
            ),
            models.Index(fields=["lead", "status"], name="enrollment_of_lead"),
            models.Index(fields=["sequence", "enrolled_at", "id"], name="enrollment_newest"),
            models.Index(  # re-entry walks along it
                fields=["sequence", "completed_at", "id"],
                condition=Q(status="COMPLETED"),
                name="enrollment_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lead} in {self.sequence}"

    def get_absolute_url(self) -> str:
        return reverse("enrollment", args=[self.pk])


class SequenceStepExecutionQuerySet(models.QuerySet["SequenceStepExecution"]):
    def open(self) -> Self:
        return self.filter(status__in=SequenceStepExecution.OPEN)

    def scheduled(self) -> Self:
        return self.filter(status=SequenceStepExecution.Status.SCHEDULED)

    def due(self, now) -> Self:
        """Scheduled steps whose time has come; those held for staff, or paused, have no ``due_at``."""
        return self.scheduled().filter(due_at__lte=now)

    def held(self) -> Self:
        return self.scheduled().exclude(held_reason="")

    def waiting_for_staff(self) -> Self:
        """Held without an end: nothing but a decision of staff moves them."""
        return self.held().filter(due_at=None, held_until=None).exclude(held_reason__in=ENDS_BY_ITSELF)


class SequenceStepExecution(Identified):
    """One step for one run of one enrollment: when, whether, and why not.

    ``scheduled_at`` is when the sequence wants it; ``due_at`` is when the processor looks at it next, empty while
    it waits for staff or its enrollment is paused. A hold keeps it SCHEDULED with ``held_reason`` and ``held_until``
    (empty: until staff release it). PENDING is in flight, owned by ``claimed_by`` until ``lease_until``; whoever
    holds the current ``fence`` settles it (INV-10). ``failures`` counts hand-overs refused, ``try_no`` intents.
    """

    class Status(models.TextChoices):
        SCHEDULED = "SCHEDULED"
        PENDING = "PENDING", "In flight"
        SENT = "SENT"
        DELIVERED = "DELIVERED"
        FAILED = "FAILED"
        SKIPPED = "SKIPPED"

    OPEN = (Status.SCHEDULED, Status.PENDING)
    # What ``result`` keeps of a step that was left out for a condition: the condition, and how it read then
    UNMET_CONDITION, CONDITION_IN_WORDS = "unmetCondition", "conditionInWords"

    enrollment = models.ForeignKey(SequenceEnrollment, models.CASCADE, related_name="executions")
    sequence = models.ForeignKey(RetentionSequence, models.CASCADE, related_name="executions")
    lead = models.ForeignKey(Lead, models.CASCADE, related_name="step_executions")
    step = models.ForeignKey("sequences.SequenceStep", models.CASCADE, related_name="executions")
    step_key = models.CharField(max_length=40)
    run_no = models.PositiveIntegerField()
    contact_attempt = models.ForeignKey(
        "campaigns.ContactAttempt",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="step_executions",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.SCHEDULED)
    scheduled_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True, help_text="Why it ended as it did; a reason code.")
    held_reason = models.CharField(max_length=40, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(null=True, blank=True)
    hold_count = models.PositiveIntegerField(default=0)
    try_no = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=255, blank=True)
    fence = models.PositiveIntegerField(default=0)
    claimed_by = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)

    objects = SequenceStepExecutionQuerySet.as_manager()

    class Meta:
        ordering = ("scheduled_at", "id")
        verbose_name = "step execution"
        constraints = [
            models.UniqueConstraint(fields=["enrollment", "run_no", "step_key"], name="execution_once"),
            models.UniqueConstraint(
                fields=["enrollment", "run_no"],
                condition=Q(status__in=["SCHEDULED", "PENDING"]),
                name="execution_one_open",
            ),
            models.CheckConstraint(
                condition=~Q(status="PENDING") | Q(lease_until__isnull=False, fence__gte=1),
                name="execution_pending_is_leased",
            ),
        ]
        indexes = [
            # The processor asks each running sequence for these; what is finished or held stays out of the index
            models.Index(
                fields=["sequence", "due_at", "id"],
                condition=Q(status="SCHEDULED", due_at__isnull=False),
                name="execution_due",
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(status="PENDING"),
                name="execution_in_flight",
            ),
            models.Index(
                fields=["sequence", "held_reason"],
                condition=Q(status="SCHEDULED") & ~Q(held_reason=""),
                name="execution_held",
            ),
            models.Index(fields=["step", "status"], name="execution_of_step"),
            models.Index(fields=["lead", "scheduled_at"], name="execution_of_lead"),
            models.Index(
                fields=["executed_at", "reason"],
                condition=Q(status__in=["FAILED", "SKIPPED"]),
                name="execution_not_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step_key} for {self.enrollment_id}"

    def get_absolute_url(self) -> str:
        """Its enrollment's page, where all steps of the run stand."""
        return reverse("enrollment", args=[self.enrollment_id])

    @property
    def why(self) -> str:
        """Why it ended as it did or, while it waits, why it is held: one sentence, or nothing when all goes well."""
        code = self.reason or self.held_reason
        condition = self.result.get(self.CONDITION_IN_WORDS) if code == Reason.CONDITION_NOT_MET else ""
        said = sentence_of(code) if code else ""
        return f"{said}: {condition[0].lower()}{condition[1:]}" if condition else said
