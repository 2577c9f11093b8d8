"""Scripts checked, saved, archived and deleted, each with its audit; pages, API and admin call these."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from campaigns.changing import HasHistory
from campaigns.models import Script
from campaigns.rendering import problems
from integrations.providers import guarded
from integrations.providers.base import NotSent
from integrations.providers.registry import adapter_of
from retention_center import audit
from retention_center.lib import clock
from retention_center.lib.channels import Channel

COLUMNS = (
    "name",
    "type",
    "subject",
    "content",
    "content_type",
    "url",
    "provider",
    "vapi_config",
    "campaign_id",
    "is_default",
)
LONGEST_SUBJECT = 300


def check(script: Script) -> None:
    """Raise ValidationError by column, each with one sentence, for what cannot be saved."""
    said = {
        "name": [] if script.name.strip() else ["Give the script a name."],
        "content": _wrong_content(script),
        "subject": problems(script.subject),
        "url": _wrong_url(script),
        "provider": _wrong_provider(script),
    }
    if wrong := {column: sentences for column, sentences in said.items() if sentences}:
        raise ValidationError(wrong)


def _wrong_content(script: Script) -> list[str]:
    if not script.content.strip():
        return ["Write what is sent."]
    return problems(script.content, channel=script.type, content_type=script.content_type)


def _wrong_url(script: Script) -> list[str]:
    if script.type != Channel.WEBHOOK:
        return ["Only a webhook has an address."] if script.url else []
    try:
        guarded.target_of(script.url, allow_http=True)
    except NotSent as refusal:
        return [f"A webhook needs the address it posts to, such as https://example.com/hook. {refusal}."]
    return []


def _wrong_provider(script: Script) -> list[str]:
    if not script.provider:
        return []
    adapter = adapter_of(script.provider)
    if adapter is None:
        return [f"There is no provider “{script.provider}”; there are {', '.join(settings.PROVIDERS)}."]
    if script.type not in adapter.channels:
        return [f"{script.provider} does not send on the channel {Channel(script.type).label}."]
    return []


def create(script: Script, actor: audit.Actor) -> Script:
    """Save a new script; a default one takes over from the former. Raises ValidationError."""
    check(script)
    with _one_default():
        _take_default(script, actor)
        script.save(force_insert=True)
        audit.record(actor, "create", script, after=audit.snapshot(script, *COLUMNS))
    return script


def change(script: Script, values: dict[str, Any], actor: audit.Actor) -> Script:
    """Give the script's columns new values; a default one takes over from the former. Raises ValidationError."""
    before, kind = audit.snapshot(script, *COLUMNS), script.type
    for column, value in values.items():
        setattr(script, column, value)
    if script.type != kind and _is_used(script):
        raise ValidationError({"type": "It has been used on this channel; make a new script for another one."})
    if script.is_default and script.archived_at:
        raise ValidationError({"is_default": "An archived script cannot be the default; bring it back first."})
    check(script)
    with _one_default():
        old, new = audit.changed_values(script, before)
        if new:
            _take_default(script, actor)
            script.save(update_fields=list(new))
            audit.record(actor, "change", script, before=old, after=new)
    return script


def archive(script: Script, actor: audit.Actor) -> None:
    """Put the script away: nobody chooses it anew, steps that use it go on. It is no default any more."""
    _put(script, actor, "archive", archived_at=clock.now(), is_default=False)


def bring_back(script: Script, actor: audit.Actor) -> None:
    """Let an archived script be chosen again."""
    _put(script, actor, "bring back", archived_at=None)


def delete(script: Script, actor: audit.Actor) -> None:
    """Delete a script that nothing was sent with and no step uses; raises HasHistory."""
    with transaction.atomic():
        if _is_used(script):
            raise HasHistory(
                f"{script} is used by steps or was sent, so it is kept for the record. Archive it instead."
            )
        audit.record(actor, "delete", script, before=audit.snapshot(script, *COLUMNS))
        script.delete()


def _put(script: Script, actor: audit.Actor, action: str, **values: Any) -> None:
    before = audit.snapshot(script, *values)
    for column, value in values.items():
        setattr(script, column, value)
    with transaction.atomic():
        script.save(update_fields=list(values))
        audit.record(actor, action, script, before=before, after=audit.snapshot(script, *values))


def _is_used(script: Script) -> bool:
    return script.contact_attempts.exists() or script.sequence_steps.exists()


def _take_default(script: Script, actor: audit.Actor) -> None:
    """One default per type: the former one steps back."""
    if not script.is_default:
        return
    for former in Script.objects.filter(type=script.type, is_default=True).exclude(pk=script.pk):
        former.is_default = False
        former.save(update_fields=["is_default"])
        audit.record(actor, "change", former, before={"is_default": True}, after={"is_default": False})


@contextmanager
def _one_default() -> Iterator[None]:
    """Two who make their script the default at one moment: the second is told so, in a sentence."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        said = "Somebody made another script the default at this very moment; save again."
        raise ValidationError({"is_default": said}) from error
