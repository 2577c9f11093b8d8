"""Steps become a version, and people move to it: nobody repeats a step, nobody vanishes, nothing is deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from campaigns.models import Script
from campaigns.reasons import Reason
from campaigns.rules import main_zone
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center import audit
from retention_center.audit import Actor
from retention_center.lib import clock, ids
from retention_center.lib.bulk import update_rows
from retention_center.lib.channels import Channel
from sequences.advancing import next_step
from sequences.conditions import BadConditions, checked
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.timing import after

STATUS = SequenceStepExecution.Status
CHUNK = 500
NOT_HELD = {"held_reason": "", "held_until": None, "held_since": None}


class InvalidSteps(Exception):
    """The steps cannot be published; ``errors`` are (step number from 1, field, sentence)."""

    def __init__(self, errors: Sequence[tuple[int, str, str]]) -> None:
        super().__init__(" ".join(f"Step {number}: {sentence}" for number, _field, sentence in errors))
        self.errors = list(errors)


class CannotActivate(Exception):
    """What stands in the way of activation, in one or more sentences."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as somebody wants it. Without ``key`` it keeps the key at its place if the channel is the same.

    ``conditions`` as `sequences.conditions` says; they may speak of the steps before it, by their keys.
    """

    channel: str
    script_id: str | None
    delay_value: int
    delay_unit: str
    key: str = ""
    is_active: bool = True
    on_failure: str = SequenceStep.OnFailure.SKIP
    conditions: Sequence[Any] = ()


@dataclass(slots=True)
class Checklist:
    """What activation says: ``blocking`` stops it, ``warnings`` do not, ``passed`` is well."""

    blocking: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


@transaction.atomic
def publish(sequence: RetentionSequence, specs: Sequence[StepSpec], *, now: datetime, actor: Actor) -> int:
    """Replace the steps by a new version and move everybody to it: the version.

    People keep their place: the waiting step is pointed at its successor with the same key, else at the first step
    after it that they have not done; who has none left completes.
    """
    _check(specs)
    old = RetentionSequence.objects.select_for_update().get(pk=sequence.pk)
    version = old.version + 1
    steps = _new_steps(old, specs, version)
    SequenceStep.objects.bulk_create(steps)
    channels = sorted({step.channel for step in steps if step.is_active}, key=list(Channel.values).index)
    changes = {"version": version, "channels": channels, "updated_at": clock.now()}
    RetentionSequence.objects.filter(pk=sequence.pk).update(**changes)
    before = {"version": old.version, "steps": [_as_audit(step) for step in old.live_steps()]}
    sequence.refresh_from_db()
    _move_people(sequence, steps, now)
    after_ = {"version": version, "steps": [_as_audit(step) for step in steps]}
    audit.record(actor, "publish steps", sequence, before=before, after=after_)
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
    sequence.move_to(RetentionSequence.Status.ACTIVE, **changes)
    audit.record(actor, "activate", sequence, after={"takesExisting": takes_existing})


@transaction.atomic
def change_status(sequence: RetentionSequence, status: str, *, now: datetime, actor: Actor) -> None:
    """Pause or archive. Archiving ends whoever is still in it; pausing only stops sending."""
    sequence.move_to(status)
    if status == RetentionSequence.Status.ARCHIVED:
        _end_everybody(sequence, now)
    audit.record(actor, str(status).lower(), sequence)


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


def _check(specs: Sequence[StepSpec]) -> None:
    scripts = Script.objects.in_bulk([spec.script_id for spec in specs if spec.script_id])
    errors: list[tuple[int, str, str]] = []
    keys: set[str] = set()
    for number, spec in enumerate(specs, 1):
        script = scripts.get(spec.script_id or "")
        if spec.script_id and (script is None or script.archived_at):
            errors.append((number, "scriptId", "There is no such script; choose another."))
        elif script and script.type != spec.channel:
            errors.append((number, "scriptId", f"“{script}” is for {script.get_type_display()}; choose one that fits."))
        if spec.key and spec.key in keys:
            errors.append((number, "key", f"Another step has the key {spec.key}; give each its own, or none."))
        keys.add(spec.key)
    if errors:
        raise InvalidSteps(errors)


def _new_steps(sequence: RetentionSequence, specs: Sequence[StepSpec], version: int) -> list[SequenceStep]:
    at_place = {step.step_order: step for step in sequence.live_steps()}
    taken = {spec.key for spec in specs if spec.key}
    steps = []
    for order, spec in enumerate(specs, 1):
        key = spec.key or _kept_key(at_place.get(order), spec, taken) or ids.new_id()
        taken.add(key)
        steps.append(
            SequenceStep(
                sequence=sequence,
                version=version,
                key=key,
                step_order=order,
                channel=spec.channel,
                script_id=spec.script_id,
                delay_value=spec.delay_value,
                delay_unit=spec.delay_unit,
                is_active=spec.is_active,
                on_failure=spec.on_failure,
                conditions=list(spec.conditions),
            )
        )
    _check_conditions(steps)
    return steps


def _check_conditions(steps: Sequence[SequenceStep]) -> None:
    """Once every step has its key: conditions speak of earlier steps by it. They are kept as they were understood."""
    errors: list[tuple[int, str, str]] = []
    earlier: set[str] = set()
    for step in steps:
        try:
            step.conditions = checked(step.conditions, earlier)
        except BadConditions as bad:
            errors += [(step.step_order, "conditions", sentence) for sentence in bad.sentences]
        earlier.add(step.key)
    if errors:
        raise InvalidSteps(errors)


def _kept_key(before: SequenceStep | None, spec: StepSpec, taken: set[str]) -> str:
    fits = before is not None and before.channel == spec.channel and before.key not in taken
    return before.key if before is not None and fits else ""


def _move_people(sequence: RetentionSequence, steps: Sequence[SequenceStep], now: datetime) -> None:
    """Point every run at the new version, a chunk at a time, within the publishing transaction."""
    open_ids = list(sequence.enrollments.open().order_by("lead_id").values_list("pk", flat=True))
    for start in range(0, len(open_ids), CHUNK):
        chunk = open_ids[start : start + CHUNK]
        leads = Lead.objects.filter(sequence_enrollments__in=chunk).order_by("pk").in_bulk()
        list(Lead.objects.filter(pk__in=leads).locked().values_list("pk"))
        enrollments = SequenceEnrollment.objects.open().in_bulk(chunk)
        _move_chunk(enrollments, leads, steps, now)


def _move_chunk(
    enrollments: Mapping[str, SequenceEnrollment],
    leads: Mapping[str, Lead],
    steps: Sequence[SequenceStep],
    now: datetime,
) -> None:
    SequenceEnrollment.objects.filter(pk__in=enrollments).update(version=steps[0].version if steps else 0)
    executions = SequenceStepExecution.objects.filter(enrollment__in=enrollments).select_related("step")
    done: dict[str, set[str]] = {pk: set() for pk in enrollments}
    waiting: list[SequenceStepExecution] = []
    for row in executions:
        enrollment = enrollments[row.enrollment_id]
        if row.run_no != enrollment.run_no:
            continue
        if row.status == STATUS.SCHEDULED:
            waiting.append(row)
        else:
            done[row.enrollment_id].add(row.step_key)
    pointed, kept, completed = [], [], []
    for row in waiting:
        enrollment = enrollments[row.enrollment_id]
        target = _successor(row, steps, done[row.enrollment_id])
        if target is None:
            completed.append(row)
        elif not _is_same(row.step, target):
            pointed.append(_pointed(row, target, enrollment, leads[row.lead_id], now))
        else:
            kept.append({"id": row.pk, "fence": row.fence, "step": target.pk})
    update_rows(SequenceStepExecution, pointed, match=("fence",), status=STATUS.SCHEDULED)
    update_rows(SequenceStepExecution, kept, match=("fence",), status=STATUS.SCHEDULED)
    _complete(completed, now)


def _successor(row: SequenceStepExecution, steps: Sequence[SequenceStep], done: set[str]) -> SequenceStep | None:
    same = next((step for step in steps if step.key == row.step_key and step.is_active), None)
    return same or next_step(steps, row.step, done)


def _is_same(old: SequenceStep, new: SequenceStep) -> bool:
    return (old.key, old.delay_value, old.delay_unit) == (new.key, new.delay_value, new.delay_unit)


def _pointed(
    row: SequenceStepExecution, step: SequenceStep, enrollment: SequenceEnrollment, lead: Lead, now: datetime
) -> dict[str, Any]:
    """The step's own delay counts from where the wait began; what that puts in the past is due now."""
    began = enrollment.last_step_at or enrollment.enrolled_at
    scheduled_at = max(after(began, step.delay_value, step.delay_unit, main_zone(lead)), now)
    is_due = enrollment.status == SequenceEnrollment.Status.ACTIVE
    return {
        "id": row.pk,
        "fence": row.fence,
        "step": step.pk,
        "step_key": step.key,
        "scheduled_at": scheduled_at,
        "due_at": scheduled_at if is_due else None,
        **NOT_HELD,
    }


def _complete(rows: Sequence[SequenceStepExecution], now: datetime) -> None:
    ids_ = [row.pk for row in rows]
    SequenceStepExecution.objects.filter(pk__in=ids_, status=STATUS.SCHEDULED).update(
        status=STATUS.SKIPPED, reason=Reason.STEP_REMOVED, executed_at=now, due_at=None, **NOT_HELD
    )
    SequenceEnrollment.objects.open().filter(pk__in=[row.enrollment_id for row in rows]).update(
        status=SequenceEnrollment.Status.COMPLETED, completed_at=now, reason=Reason.STEP_REMOVED, updated_at=clock.now()
    )


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
