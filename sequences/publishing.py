"""Steps become a version, and sequences start, pause and end. Nothing that happened is ever deleted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from campaigns.reasons import Reason
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution, SequenceVersion
from sequences.moving import NOT_HELD, move_people
from sequences.specs import StepSpec, steps_of

STATUS = SequenceStepExecution.Status


class CannotActivate(Exception):
    """What stands in the way of activation, in one or more sentences."""


@dataclass(slots=True)
class Checklist:
    """What activation says: ``blocking`` stops it, ``warnings`` do not, ``passed`` is well."""

    blocking: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


class MovedOn(Exception):
    """Somebody published other steps since the caller looked; the text says so."""


@transaction.atomic
def publish(
    sequence: RetentionSequence,
    specs: Sequence[StepSpec],
    *,
    now: datetime,
    actor: Actor,
    mode: str = SequenceVersion.Mode.MOVE,
    seen: int | None = None,
    rolled_back_to: int | None = None,
) -> int:
    """Make ``specs`` the next version: its number. The old ones stay, nothing that happened is deleted.

    ``mode`` MOVE: everybody who is in it goes on in the new steps (`sequences.moving`), also who was pinned before.
    PIN: whoever is in it finishes in the version they follow; whoever enters from now on takes the new one.
    ``seen`` is the live version the caller knew: if it is no more, MovedOn. Raises InvalidSteps.
    """
    old = RetentionSequence.objects.select_for_update(no_key=True).get(pk=sequence.pk)
    if seen not in (None, old.version):
        raise MovedOn(f"Version {old.version} of {old} was published meanwhile; yours began from version {seen}.")
    version = old.version + 1
    steps = steps_of(old, specs, version)
    SequenceStep.objects.bulk_create(steps)
    channels = sorted({step.channel for step in steps if step.is_active}, key=list(Channel.values).index)
    changes = {"version": version, "channels": channels, "updated_at": clock.now()}
    RetentionSequence.objects.filter(pk=sequence.pk).update(**changes)
    SequenceVersion.objects.create(
        sequence=old,
        version=version,
        mode=mode,
        published_at=now,
        published_by=actor.name[:200],
        rolled_back_to=rolled_back_to,
    )
    before = {"version": old.version, "steps": [_as_audit(step) for step in old.live_steps()]}
    sequence.refresh_from_db()
    if mode == SequenceVersion.Mode.MOVE:
        move_people(sequence, steps, now)
    published = {"version": version, "mode": str(mode), "rolledBackTo": rolled_back_to}
    audit.record(
        actor,
        "publish steps",
        sequence,
        before=before,
        after=published | {"steps": [_as_audit(step) for step in steps]},
    )
    return version


@transaction.atomic
def activate(sequence: RetentionSequence, *, takes_existing: bool, now: datetime, actor: Actor) -> None:
    """Start a sequence, or resume a paused one. ``takes_existing``: its trigger also takes those who match already."""
    found = checklist(sequence)
    if found.blocking:
        raise CannotActivate(" ".join(found.blocking))
    changes: dict[str, Any] = {}
    if sequence.activated_at is None:  # resumed later, it catches up with whoever came while it was paused
        changes = {"activated_at": now, "enrolls_from": None if takes_existing else clock.now()}
    before = audit.snapshot(sequence, "status")
    sequence.move_to(RetentionSequence.Status.ACTIVE, **changes)
    after = audit.snapshot(sequence, "status") | {"takesExisting": takes_existing}
    audit.record(actor, "activate", sequence, before=before, after=after)


@transaction.atomic
def change_status(sequence: RetentionSequence, status: str, *, now: datetime, actor: Actor) -> None:
    """Pause or archive. Archiving ends whoever is still in it; pausing only stops sending."""
    before = audit.snapshot(sequence, "status")
    sequence.move_to(status)
    if status == RetentionSequence.Status.ARCHIVED:
        _end_everybody(sequence, now)
    audit.record(actor, str(status).lower(), sequence, before=before, after=audit.snapshot(sequence, "status"))


def checklist(sequence: RetentionSequence) -> Checklist:
    """What must or should be in order before it sends."""
    steps = [step for step in sequence.live_steps().select_related("script") if step.is_active]
    found = Checklist()
    if not steps:
        found.blocking.append("It has no step that is on; add one.")
        return found
    without = [str(step.step_order) for step in steps if step.script is None]
    if without:
        found.blocking.append(f"Step {', '.join(without)} has no script; choose one.")
    else:
        found.passed.append("Every step has a script")
    providers = ActiveProviders.load()
    silent = [step for step in steps if not providers.choose(step.channel, step.script.provider if step.script else "")]
    for channel in dict.fromkeys(step.get_channel_display() for step in silent):
        found.warnings.append(f"No active provider for {channel}: its steps will be held.")
    if not silent:
        found.passed.append("Every step has an active provider")
    if any(step.channel == Channel.EMAIL for step in steps):
        found.passed.append("All e-mails carry the unsubscribe link")
        if not settings.POSTAL_ADDRESS:
            found.warnings.append("No postal address in the e-mail footer: set POSTAL_ADDRESS.")
    return found


def _end_everybody(sequence: RetentionSequence, now: datetime) -> None:
    list(Lead.objects.filter(sequence_enrollments__in=sequence.enrollments.open()).locked().values_list("pk"))
    waiting = SequenceStepExecution.objects.scheduled().filter(sequence=sequence)
    waiting.update(
        status=STATUS.SKIPPED,
        reason=Reason.SEQUENCE_ARCHIVED,
        executed_at=now,
        due_at=None,
        **NOT_HELD,
    )
    sequence.enrollments.open().update(
        status=SequenceEnrollment.Status.CANCELLED,
        reason=Reason.SEQUENCE_ARCHIVED,
        completed_at=now,
        updated_at=clock.now(),
    )


def _as_audit(step: SequenceStep) -> dict[str, Any]:
    names = ("key", "channel", "script_id", "delay_value", "delay_unit", "is_active", "on_failure", "conditions")
    return audit.snapshot(step, *names)
