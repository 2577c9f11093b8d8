"""People, the addresses nobody may contact, and the files that brought them."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.models import Identified, Timestamped


class LeadQuerySet(models.QuerySet["Lead"]):
    def present(self) -> Self:
        """Leads that are not deleted."""
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        """Deleted leads that can still be brought back."""
        return self.filter(deleted_at__isnull=False, erased_at=None)

    def contactable(self) -> Self:
        return self.present().exclude(status=Lead.Status.DO_NOT_CONTACT)

    def matching(self, *, email: str | None = None, phone: str | None = None) -> Self:
        """Present leads which share the normalised e-mail or phone; blanks match nobody."""
        same = Q(email=email) if email else Q()
        same |= Q(phone=phone) if phone else Q()
        return self.present().filter(same) if same else self.none()

    def locked(self) -> Self:
        """With row locks, in the one order everybody takes them; the lead's lock guards all work on that lead."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def by_status(self) -> dict[str, int]:
        return {str(key): count for key, count in self._counts("status")}

    def by_source(self) -> dict[str, int]:
        return {str(key): count for key, count in self._counts("source")}

    def _counts(self, column: str) -> models.QuerySet:
        return self.order_by(column).values_list(column).annotate(models.Count("pk"))


class Lead(Identified, Timestamped):
    """Somebody to be kept. E-mail is lower case, phone is E.164; a blank one is NULL.

    ``time_zone`` is what staff or a file said; ``phone_zones`` are all zones the phone's prefix allows.
    Deleting hides the lead at once; erasing it later leaves the row without personal data.
    """

    class Status(models.TextChoices):
        NEW = "NEW"
        CONTACTED = "CONTACTED"
        IN_PROGRESS = "IN_PROGRESS", "In progress"
        CONVERTED = "CONVERTED"
        DO_NOT_CONTACT = "DO_NOT_CONTACT", "Do not contact"

    external_id = models.CharField(max_length=255, blank=True)
    first_name = models.CharField(max_length=120, blank=True)
    last_name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(max_length=254, null=True, blank=True)
    phone = models.CharField(max_length=16, null=True, blank=True)
    source = models.CharField(max_length=60, default="MANUAL")
    status = models.CharField(max_length=20, choices=Status, default=Status.NEW)
    time_zone = models.CharField(max_length=64, blank=True)
    phone_zones = models.JSONField(default=list, blank=True, editable=False)
    meta = models.JSONField(default=dict, blank=True)
    notes = models.TextField(blank=True)
    matched_at = models.DateTimeField(
        default=clock.now,
        editable=False,
        help_text="When the lead was made or last changed in a field that triggers look at; triggers walk along it.",
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = LeadQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["email"], condition=Q(deleted_at=None), name="lead_email_once"),
            models.UniqueConstraint(fields=["phone"], condition=Q(deleted_at=None), name="lead_phone_once"),
            models.CheckConstraint(condition=~Q(email="") & ~Q(phone=""), name="lead_blank_is_null"),
        ]
        indexes = [
            models.Index(
                fields=["created_at", "id"],
                condition=Q(deleted_at=None),
                name="lead_newest",
            ),
            models.Index(
                fields=["status", "created_at", "id"],
                condition=Q(deleted_at=None),
                name="lead_by_status",
            ),
            models.Index(
                fields=["source", "created_at", "id"],
                condition=Q(deleted_at=None),
                name="lead_by_source",
            ),
            models.Index(fields=["matched_at", "id"], name="lead_cursor"),  # new_lead triggers walk along it
            models.Index(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="lead_by_external_id",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.phone or "Erased lead"

    def get_absolute_url(self) -> str:
        return reverse("lead", args=[self.pk])

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def address_for(self, channel: str) -> str | None:
        """Where the channel reaches this lead: e-mail address, phone, or (webhook) the lead's own id."""
        if channel == Channel.EMAIL:
            return self.email
        return self.id if channel == Channel.WEBHOOK else self.phone


class LeadWords(models.Model):
    """The text by which a lead is searched. The database writes it: see `leads.search_index`."""

    lead = models.OneToOneField(Lead, models.DB_CASCADE, related_name="words")
    text = models.TextField()


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def standing(self) -> Self:
        return self.filter(lifted_at=None)


class Suppression(Identified):
    """An address nobody may contact on a channel (or ALL). Outlives import, deletion and erasure.

    ``address_digest`` is an HMAC, so that the promise holds after the address itself is erased.
    """

    class Scope(models.TextChoices):
        EMAIL = "EMAIL", "E-mail"
        SMS = "SMS", "SMS"
        CALL = "CALL", "Call"
        WEBHOOK = "WEBHOOK", "Webhook"
        ALL = "ALL", "All channels"

    address = models.CharField(max_length=254, blank=True)
    address_digest = models.CharField(max_length=64)
    channel = models.CharField(max_length=10, choices=Scope, default=Scope.ALL)
    reason = models.CharField(max_length=60)
    source = models.CharField(max_length=60, help_text="What said so: unsubscribe link, STOP, staff, import …")
    note = models.CharField(max_length=255, blank=True)
    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, blank=True, related_name="suppressions")
    created_at = models.DateTimeField(default=clock.now)
    recorded_at = models.DateTimeField(default=clock.now, editable=False, help_text="The real clock, at the commit.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=["address_digest", "channel"],
                condition=Q(lifted_at=None),
                name="suppression_once",
            )
        ]
        indexes = [models.Index(fields=["lead"], name="suppression_of_lead")]

    def __str__(self) -> str:
        return f"{self.address or 'erased address'} ({self.get_channel_display()})"


class ImportJob(Identified, Timestamped):
    """One file of leads on its way in: upload, match columns, check, run, result.

    The work itself is a ``Job`` of the ground; counts are kept here, row by row results in ``ImportRow``.
    """

    job = models.OneToOneField(
        "retention_center.Job",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="lead_import",
    )
    filename = models.CharField(max_length=255)
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=3, blank=True)
    sheet = models.CharField(max_length=100, blank=True)
    columns = models.JSONField(default=list, help_text="The file's header, in its order.")
    mapping = models.JSONField(default=dict, help_text="Column name: lead field, or blank for meta.")
    source = models.CharField(max_length=60, default="UPLOAD")
    region = models.CharField(max_length=2, help_text="For phone numbers without a country code.")
    campaign_id = models.CharField(max_length=40, blank=True, help_text="Assign every imported lead to it.")
    rows = models.PositiveIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    warnings = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return self.filename

    def get_absolute_url(self) -> str:
        return reverse("import", args=[self.pk])


class ImportFile(models.Model):
    """The uploaded bytes, in the database so that any machine's worker can read them."""

    import_job = models.OneToOneField(ImportJob, models.CASCADE, primary_key=True, related_name="file")
    content = models.BinaryField()


class ImportRow(models.Model):
    """What became of one row of the file; rows with a problem keep their text, to be handed back."""

    class Outcome(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        UNCHANGED = "unchanged"
        INVALID = "invalid"

    id = models.BigAutoField(primary_key=True)
    import_job = models.ForeignKey(ImportJob, models.CASCADE, related_name="import_rows")
    number = models.PositiveIntegerField(help_text="1 is the first row below the header.")
    outcome = models.CharField(max_length=10, choices=Outcome)
    lead = models.ForeignKey(Lead, models.SET_NULL, null=True, blank=True, related_name="import_rows")
    problems = models.JSONField(default=list, help_text="[{field, code, message}]")
    cells = models.JSONField(
        default=dict,
        help_text="The row as it stood in the file, when it has a problem.",
    )

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=["import_job", "number"], name="import_row_once")]
        indexes = [models.Index(fields=["import_job", "outcome", "number"], name="import_row_outcome")]
