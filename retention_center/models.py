"""The ground's own rows: people who sign in, keys, audit, long work, saved views, signs of life."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from retention_center.lib import clock
from retention_center.lib.encryption import EncryptedJSONField
from retention_center.lib.models import Identified, Timestamped
from retention_center.lib.states import Stateful


class Role(models.TextChoices):
    """What somebody may do: viewers read, operators change, admins also configure."""

    VIEWER = "viewer", "Viewer"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"

    def covers(self, needed: "Role | str") -> bool:
        """Whether this role may do what ``needed`` may do."""
        order = list(Role)
        return order.index(self) >= order.index(Role(needed))


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"role": Role.ADMIN} | fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").strip().lower())


class User(Identified, Timestamped, AbstractBaseUser):
    """A member of staff, known by e-mail; made here, or by the Auth Center at first sign-in."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    subject = models.CharField("Auth Center's id", max_length=255, blank=True, null=True, unique=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Blank: the organisation's zone.")
    preferences = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.name or self.email

    def may(self, needed: Role | str) -> bool:
        return self.is_active and Role(self.role).covers(needed)

    @property
    def is_staff(self) -> bool:
        """Django admin is for admins."""
        return self.may(Role.ADMIN)

    def has_perm(self, _perm: str, _obj: Any = None) -> bool:
        return self.is_staff

    def has_module_perms(self, _app_label: str) -> bool:
        return self.is_staff

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)


class ApiKey(Identified, Timestamped):
    """Another system's key. Only its hash is kept; the key is shown once, when it is made."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="The key's first characters, to recognise it by.")
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
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
        return self.name


class AuditEvent(Identified):
    """Who changed what, when, from what to what. Only ever added to; holds no secrets."""

    at = models.DateTimeField(default=clock.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    actor_name = models.CharField(max_length=200)
    via = models.CharField(max_length=20, help_text="page, api, admin, command or system")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=40, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ("-at", "-id")
        indexes = [
            models.Index(fields=["object_type", "object_id", "at"], name="audit_of_object"),
            models.Index(fields=["at", "id"], name="audit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_label or self.object_id}"


class Job(Stateful, Identified, Timestamped):
    """Long work: shows progress, can be stopped, and is taken up again where a killed worker left it.

    ``arguments`` hold ids and filters, never personal data. The function of ``settings.JOBS[kind]`` works in
    slices; after each it saves ``done`` and renews its lease, so that a dead worker's job is free again.
    """

    class Status(models.TextChoices):
        QUEUED = "QUEUED"
        RUNNING = "RUNNING"
        DONE = "DONE"
        STOPPED = "STOPPED"
        FAILED = "FAILED"

    MOVES = {
        Status.QUEUED: {Status.RUNNING, Status.STOPPED},
        Status.RUNNING: {Status.DONE, Status.STOPPED, Status.FAILED, Status.QUEUED},
        Status.DONE: set(),
        Status.STOPPED: set(),
        Status.FAILED: {Status.QUEUED},
    }

    kind = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    arguments = models.JSONField(default=dict, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    stop_requested = models.BooleanField(default=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    class Meta:
        ordering = ("-created_at", "-id")
        indexes = [
            # Workers ask for these every tick; finished jobs stay out of the index
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=["QUEUED", "RUNNING"]),
                name="job_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class SavedView(Identified, Timestamped):
    """A list's filters, search, sort and columns under a name; ``query`` is the address's query string."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=60)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    is_shared = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)

    class Meta:
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(fields=["user", "page", "name"], name="saved_view_once"),
            models.UniqueConstraint(
                fields=["user", "page"],
                condition=Q(is_default=True),
                name="saved_view_default",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Heartbeat(models.Model):
    """One minute of one worker loop's life: when it last ran, and what it did in that minute."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=40)
    minute = models.DateTimeField()
    at = models.DateTimeField()
    rounds = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0, help_text="How long the last round took.")
    last = models.JSONField(default=dict, help_text="What the last round did.")

    class Meta:
        ordering = ("-at",)
        constraints = [models.UniqueConstraint(fields=["name", "minute"], name="heartbeat_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.minute:%H:%M}"


class DoctorRun(Identified):
    """One examination of the whole database by the doctor: what it found, and how long it took."""

    at = models.DateTimeField(default=clock.now)
    seconds = models.FloatField()
    violations = models.PositiveIntegerField()
    alarms = models.PositiveIntegerField()
    findings = models.JSONField(default=list, help_text="[{id, severity, promise, count, first}]")

    class Meta:
        ordering = ("-at", "-id")
        indexes = [models.Index(fields=["at"], name="doctor_run_newest")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class IdempotencyRecord(models.Model):
    """The first answer to a POST with an Idempotency-Key, given again to its repeats for 24 h."""

    id = models.BigAutoField(primary_key=True)
    caller = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty while the first request is still running.")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]


class Secret(models.Model):
    """A secret the installation made for itself and must never lose, encrypted like credentials."""

    name = models.CharField(primary_key=True, max_length=40)
    value = EncryptedJSONField()
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name
