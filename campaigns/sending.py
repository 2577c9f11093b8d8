"""Stop sending, and go on: everything, one channel, or one provider. What stands is read before every intent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from campaigns.models import SendingPause
from retention_center import audit
from retention_center.lib.channels import Channel

Scope = SendingPause.Scope


class UnknownTarget(ValueError):
    """No such channel or provider; the text says which there are."""


@dataclass(frozen=True)
class Standing:
    """What is stopped now."""

    all: bool = False
    channels: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list, compare=False)

    def __bool__(self) -> bool:
        return self.all or bool(self.channels) or bool(self.providers)


def standing() -> Standing:
    """What is stopped now; one query."""
    return standing_of(list(SendingPause.objects.order_by("scope", "target").values_list("scope", "target", "note")))


def standing_of(rows: Sequence[tuple[str, str, str]]) -> Standing:
    """What pauses of these (scope, target, note) stop."""
    return Standing(
        all=any(scope == Scope.ALL for scope, _target, _note in rows),
        channels=[target for scope, target, _note in rows if scope == Scope.CHANNEL],
        providers=[target for scope, target, _note in rows if scope == Scope.PROVIDER],
        notes=[note for _scope, _target, note in rows if note],
    )


def pause_all(actor: audit.Actor, note: str = "") -> bool:
    """Stop everything, and say why: False when it was stopped already (a note given now stands all the same)."""
    if note:
        SendingPause.objects.filter(scope=Scope.ALL).update(note=note)
    return pause(Scope.ALL, "", actor, note)


def resume_all(actor: audit.Actor) -> int:
    """Let everything go on, stopped channels and providers too: how many pauses were lifted."""
    return _lift(SendingPause.objects.all(), actor)


def pause(scope: str, target: str, actor: audit.Actor, note: str = "") -> bool:
    """Stop a channel, a provider, or everything (blank target): False when it was stopped already."""
    _check(scope, target)
    with transaction.atomic():
        row, created = SendingPause.objects.get_or_create(
            scope=scope, target=target, defaults={"created_by": actor.user, "note": note}
        )
        if created:
            audit.record(actor, "stop sending", row, after={"scope": str(scope), "target": target})
    return created


def resume(scope: str, target: str, actor: audit.Actor) -> int:
    """Let a channel, a provider, or everything (blank target) go on: how many pauses were lifted."""
    return _lift(SendingPause.objects.filter(scope=scope, target=target), actor)


def set_standing(wanted: Standing, actor: audit.Actor) -> Standing:
    """Make exactly ``wanted`` stand, lifting the rest: what stands then. Raises UnknownTarget."""
    asked = {(str(Scope.ALL), "")} if wanted.all else set()
    asked |= {(str(Scope.CHANNEL), target) for target in wanted.channels}
    asked |= {(str(Scope.PROVIDER), target) for target in wanted.providers}
    for scope, target in asked:
        _check(scope, target)
    with transaction.atomic():
        rows = {(row.scope, row.target): row.pk for row in SendingPause.objects.all()}
        _lift(SendingPause.objects.filter(pk__in=[pk for key, pk in rows.items() if key not in asked]), actor)
        for scope, target in sorted(asked - rows.keys()):
            pause(scope, target, actor)
    return standing()


def _lift(pauses: "Iterable[SendingPause]", actor: audit.Actor) -> int:
    with transaction.atomic():
        lifted = 0
        for row in list(pauses):
            if SendingPause.objects.filter(pk=row.pk).delete()[0]:
                audit.record(actor, "resume sending", row, before={"scope": row.scope, "target": row.target})
                lifted += 1
    return lifted


def _check(scope: str, target: str) -> None:
    known = {Scope.ALL: [""], Scope.CHANNEL: Channel.values, Scope.PROVIDER: list(settings.PROVIDERS)}[Scope(scope)]
    if target not in known:
        raise UnknownTarget(f"There is no {scope} “{target}”; there are {', '.join(known)}.")
