"""A draft of steps, kept with the sequence: for colleagues to see, until it is published or discarded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from retention_center import audit
from retention_center.audit import Actor
from sequences import changing
from sequences.changing import CannotChange
from sequences.models import RetentionSequence, SequenceVersion
from sequences.publishing import MovedOn
from sequences.specs import StepSpec, spec_of, steps_of

ANY = object()


class DraftedMeanwhile(Exception):
    """Somebody else kept or discarded a draft since the caller looked; the text says so."""


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """``began_from`` is the version that was live when it was kept; ``specs`` all have keys."""

    began_from: int
    kept_by: str
    kept_at: datetime
    specs: list[StepSpec]


def kept(sequence: RetentionSequence) -> KeptDraft | None:
    """The draft that stands, if there is one."""
    if sequence.draft is None or sequence.drafted_at is None:
        return None
    specs = [StepSpec(**step) for step in sequence.draft["steps"]]
    return KeptDraft(sequence.draft["version"], sequence.draft["by"], sequence.drafted_at, specs)


@transaction.atomic
def keep(
    sequence: RetentionSequence,
    specs: Sequence[StepSpec],
    *,
    began_from: int | None = None,
    seen: Any = ANY,
    now: datetime,
    actor: Actor,
) -> KeptDraft:
    """Keep ``specs`` as the draft, in place of what stood there. They are checked as publishing would.

    ``began_from`` is the live version the caller knew, ``seen`` the ``kept_at`` of the draft they knew (None: none).
    Raises InvalidSteps, CannotChange, MovedOn or DraftedMeanwhile.
    """
    locked = _locked(sequence)
    if began_from not in (None, locked.version):
        raise MovedOn(
            f"Version {locked.version} of {locked} was published meanwhile; yours began from version {began_from}."
        )
    _check_seen(locked, seen)
    changing.check_steps(locked, specs)
    with_keys = [spec_of(step) for step in steps_of(locked, specs, locked.version + 1)]
    kept_as = {"version": locked.version, "by": actor.name, "steps": [asdict(spec) for spec in with_keys]}
    _write(sequence, kept_as, now)
    audit.record(actor, "draft steps", sequence, after=kept_as)
    return KeptDraft(locked.version, actor.name, now, with_keys)


@transaction.atomic
def discard(sequence: RetentionSequence, *, seen: Any = ANY, actor: Actor) -> bool:
    """Forget the draft; False where there was none. What it held stays in the audit. Raises DraftedMeanwhile."""
    locked = _locked(sequence)
    _check_seen(locked, seen)
    if locked.draft is None:
        return False
    _write(sequence, None, None)
    audit.record(actor, "discard draft", sequence, before=locked.draft)
    return True


@transaction.atomic
def publish(sequence: RetentionSequence, *, mode: str = SequenceVersion.Mode.MOVE, now: datetime, actor: Actor) -> int:
    """Publish the draft that stands: the version. Raises CannotChange where there is none, else as the one below."""
    draft = kept(_locked(sequence))
    if draft is None:
        raise CannotChange(f"{sequence} has no draft; there is nothing to publish.")
    return publish_these(sequence, draft.specs, mode=mode, seen=draft.began_from, now=now, actor=actor)


@transaction.atomic
def publish_these(
    sequence: RetentionSequence,
    specs: Sequence[StepSpec],
    *,
    mode: str,
    seen: int | None,
    seen_draft: Any = ANY,
    now: datetime,
    actor: Actor,
) -> int:
    """Publish what became of the draft; it stands no more. Raises as `changing.replace_steps`, or DraftedMeanwhile."""
    _check_seen(_locked(sequence), seen_draft)
    version = changing.replace_steps(sequence, specs, mode=mode, seen=seen, now=now, actor=actor)
    if sequence.draft is not None:
        _write(sequence, None, None)
    return version


def moment(text: str) -> datetime | None:
    """The ``kept_at`` that a form carries; None where it carries none that can be read."""
    try:
        return parse_datetime(text)
    except ValueError:
        return None


def _locked(sequence: RetentionSequence) -> RetentionSequence:
    return RetentionSequence.objects.select_for_update(no_key=True).get(pk=sequence.pk)


def _check_seen(locked: RetentionSequence, seen: Any) -> None:
    if seen is ANY or seen == locked.drafted_at:
        return
    draft = kept(locked)
    if draft is None:
        raise DraftedMeanwhile("The draft was published or discarded meanwhile.")
    raise DraftedMeanwhile(f"{draft.kept_by} saved a draft meanwhile.")


def _write(sequence: RetentionSequence, draft: dict[str, Any] | None, at: datetime | None) -> None:
    """Not a change of the sequence itself, so ``updated_at`` stays: the engine does not know of drafts."""
    sequence.draft, sequence.drafted_at = draft, at
    RetentionSequence.objects.filter(pk=sequence.pk).update(draft=draft, drafted_at=at)
