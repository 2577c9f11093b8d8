"""Sequences made, changed, given new steps, moved and deleted, each with its audit; pages, API and admin call these."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from campaigns import meta
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from sequences import publishing, triggers
from sequences.models import RetentionSequence, SequenceVersion
from sequences.publishing import CannotActivate
from sequences.specs import StepSpec, spec_of
from sequences.trigger_config import BadTriggerConfig, checked, wrong_entry

STATUS = RetentionSequence.Status
COLUMNS = (
    "name", "description", "trigger_type", "trigger_config", "re_entry", "re_entry_days", "entrants_per_day",
    "stop_on_reply", "contact_rules",
)  # fmt: skip
MOST_STEPS = 100


class CannotChange(Exception):
    """What the sequence is now forbids it; the text says what to do instead."""


def check(sequence: RetentionSequence) -> None:
    """Raise ValidationError by column, each with one sentence.

    The trigger's configuration and the contact rules lose their blanks.
    """
    wrong: dict[str, Any] = {}
    if not sequence.name.strip():
        wrong["name"] = "Give the sequence a name."
    try:
        sequence.trigger_config = checked(sequence.trigger_config)
    except BadTriggerConfig as bad:
        wrong["trigger_config"] = [f"{key}: {said}" for key, said in bad.errors]
    try:
        meta.check_contact_rules(sequence.contact_rules)
        sequence.contact_rules = meta.stated(sequence.contact_rules)
    except ValidationError as error:
        wrong["contact_rules"] = error
    wrong |= wrong_entry(sequence)
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


_CURSORS = ("enrolls_from", "changed_cursor", "age_cursor", "finished_cursor")


def _begin_trigger_anew(sequence: RetentionSequence, changed: dict[str, Any]) -> None:
    """Another trigger takes leads that match from now on, another rule of re-entry those whose time comes from now on:
    changing them must not enroll everybody of old.
    """
    if sequence.activated_at and {"trigger_type", "trigger_config"} & set(changed):
        sequence.enrolls_from = clock.now()
        sequence.changed_cursor = sequence.age_cursor = None
    if sequence.activated_at and {"re_entry", "re_entry_days"} & set(changed):
        sequence.finished_cursor = clock.now() - triggers.re_entry_wait(sequence)


def replace_steps(
    sequence: RetentionSequence,
    specs: Sequence[StepSpec],
    *,
    mode: str = SequenceVersion.Mode.MOVE,
    seen: int | None = None,
    now: datetime,
    actor: Actor,
) -> int:
    """Publish new steps: the version. ``mode`` and ``seen`` as `publishing.publish` says.

    Raises InvalidSteps, CannotChange or MovedOn.
    """
    check_steps(sequence, specs)
    return publishing.publish(sequence, specs, mode=mode, seen=seen, now=now, actor=actor)


def roll_back(sequence: RetentionSequence, to: int, *, mode: str, seen: int | None, now: datetime, actor: Actor) -> int:
    """Publish the steps of an older version once more, with their keys, as a new one: its number.

    Raises as `replace_steps` does; CannotChange where there is no such version, or it is the live one.
    """
    specs = older_specs(sequence, to)
    check_steps(sequence, specs)
    return publishing.publish(sequence, specs, mode=mode, seen=seen, rolled_back_to=to, now=now, actor=actor)


def older_specs(sequence: RetentionSequence, version: int) -> list[StepSpec]:
    """The steps of a version that is not live; raises CannotChange."""
    if version == sequence.version:
        raise CannotChange(f"Version {version} of {sequence} is live; there is nothing to roll back to.")
    specs = [spec_of(step) for step in sequence.steps.filter(version=version).order_by("step_order")]
    if not specs and not sequence.versions.filter(version=version).exists():
        raise CannotChange(f"{sequence} has no version {version}; see which it has.")
    return specs


def check_steps(sequence: RetentionSequence, specs: Sequence[StepSpec]) -> None:
    """Raise CannotChange where the sequence, as it is now, cannot have these steps."""
    if sequence.status == STATUS.ARCHIVED:
        raise CannotChange(f"{sequence} is archived; its steps stay as they are.")
    if len(specs) > MOST_STEPS:
        raise CannotChange(f"A sequence has at most {MOST_STEPS} steps; these are {len(specs)}.")
    if sequence.status == STATUS.ACTIVE and not any(spec.is_active for spec in specs):
        raise CannotChange(f"{sequence} is active and needs a step that is on; pause it first.")


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


__all__ = [
    "CannotActivate",
    "CannotChange",
    "change",
    "check",
    "create",
    "delete",
    "move",
    "replace_steps",
    "roll_back",
]
