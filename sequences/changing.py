"""Sequences made, changed, given new steps, moved and deleted, each with its audit; pages, API and admin call these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from sequences import publishing
from sequences.models import RetentionSequence
from sequences.publishing import CannotActivate, StepSpec
from sequences.trigger_config import BadTriggerConfig, checked

STATUS = RetentionSequence.Status
COLUMNS = ("name", "description", "trigger_type", "trigger_config", "stop_on_reply")
MOST_STEPS = 100


class CannotChange(Exception):
    """What the sequence is now forbids it; the text says what to do instead."""


def check(sequence: RetentionSequence) -> None:
    """Raise ValidationError by column, each with one sentence; the trigger's configuration loses its blanks."""
    wrong: dict[str, Any] = {}
    if not sequence.name.strip():
        wrong["name"] = "Give the sequence a name."
    try:
        sequence.trigger_config = checked(sequence.trigger_config)
    except BadTriggerConfig as bad:
        wrong["trigger_config"] = [f"{key}: {said}" for key, said in bad.errors]
    if wrong:
        raise ValidationError(wrong)


def create(sequence: RetentionSequence, actor: Actor) -> RetentionSequence:
    """Save a new draft; raises ValidationError."""
    check(sequence)
    with transaction.atomic():
        sequence.save(force_insert=True)
        audit.record(actor, "create", sequence, after=audit.snapshot(sequence, *COLUMNS))
    return sequence


def change(sequence: RetentionSequence, values: dict[str, Any], actor: Actor) -> RetentionSequence:
    """Give the columns new values; raises ValidationError. The status moves by ``move`` alone."""
    before = audit.snapshot(sequence, *COLUMNS)
    for column, value in values.items():
        setattr(sequence, column, value)
    check(sequence)
    with transaction.atomic():
        old, new = audit.changed_values(sequence, before)
        if new:
            _begin_trigger_anew(sequence, new)
            sequence.save(update_fields=[*new, "updated_at", *_CURSORS])
            audit.record(actor, "change", sequence, before=old, after=new)
    return sequence


_CURSORS = ("enrolls_from", "changed_cursor", "age_cursor")


def _begin_trigger_anew(sequence: RetentionSequence, changed: dict[str, Any]) -> None:
    """Another trigger takes leads that match from now on: changing it must not enroll everybody of old."""
    if sequence.activated_at and {"trigger_type", "trigger_config"} & set(changed):
        sequence.enrolls_from = clock.now()
        sequence.changed_cursor = sequence.age_cursor = None


def replace_steps(sequence: RetentionSequence, specs: Sequence[StepSpec], *, now: datetime, actor: Actor) -> int:
    """Publish new steps and move everybody to them: the version. Raises InvalidSteps or CannotChange."""
    if sequence.status == STATUS.ARCHIVED:
        raise CannotChange(f"{sequence} is archived; its steps stay as they are.")
    if len(specs) > MOST_STEPS:
        raise CannotChange(f"A sequence has at most {MOST_STEPS} steps; these are {len(specs)}.")
    if sequence.status == STATUS.ACTIVE and not any(spec.is_active for spec in specs):
        raise CannotChange(f"{sequence} is active and needs a step that is on; pause it first.")
    return publishing.publish(sequence, specs, now=now, actor=actor)


def move(
    sequence: RetentionSequence, status: str, *, takes_existing: bool = False, now: datetime, actor: Actor
) -> None:
    """Activate, pause or archive; raises RefusedTransition or CannotActivate."""
    if status not in sequence.allowed_moves():
        allowed = " or ".join(sequence.allowed_moves()) or "nothing else"
        refusal = f"{sequence} is {sequence.status}; it cannot become {status}, only {allowed}."
        raise RefusedTransition(refusal, sequence.allowed_moves())
    if status == STATUS.ACTIVE:
        publishing.activate(sequence, takes_existing=takes_existing, now=now, actor=actor)
    else:
        publishing.change_status(sequence, status, now=now, actor=actor)


def delete(sequence: RetentionSequence, actor: Actor) -> None:
    """Delete a sequence nobody was ever in; raises CannotChange."""
    with transaction.atomic():
        locked = RetentionSequence.objects.select_for_update().get(pk=sequence.pk)
        if locked.enrollments.exists():
            raise CannotChange(f"{sequence} has had leads in it, so it is kept for the record. Archive it instead.")
        if locked.status == STATUS.ACTIVE:
            raise CannotChange(f"{sequence} is active; pause it first, or archive it.")
        audit.record(actor, "delete", sequence, before=audit.snapshot(sequence, *COLUMNS, "status"))
        locked.delete()


__all__ = ["CannotActivate", "CannotChange", "change", "check", "create", "delete", "move", "replace_steps"]
