"""What the integrations page shows: every provider with its state, and who sends on which channel now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils.module_loading import import_string

from integrations import breaker, keitaro
from integrations.catalogue import PROVIDERS, Known
from integrations.connection import not_yet
from integrations.models import InboundEvent, IntegrationConfig, ProviderBreaker
from integrations.providers.registry import SANDBOX, ActiveProviders, is_active
from retention_center.lib.channels import Channel

ICONS = {"tracking": "conversion", "sandbox": "beaker"}
OPEN = (InboundEvent.Status.WAITING, InboundEvent.Status.UNMATCHED)


@dataclass(frozen=True)
class Shown:
    """One provider's row. ``state`` and ``word`` are for its status; ``remark`` is the sentence beside it.

    ``breaker`` is READY, RESTING (nothing is sent before ``back_at``) or TRYING (the next message tries it).
    """

    known: Known
    row: IntegrationConfig | None
    received_at: datetime | None = None
    open_events: int = 0
    sent_at: datetime | None = None
    failed: int = 0
    breaker: str = "READY"
    failing_since: datetime | None = None
    back_at: datetime | None = None
    why: str = ""

    @property
    def icon(self) -> str:
        return ICONS.get(self.known.type, self.known.type)

    @property
    def is_active(self) -> bool:
        return is_active(self.known.name, self.row)

    @property
    def state(self) -> str:
        return "ACTIVE" if self.is_active and self.known.is_available else "OFF"

    @property
    def word(self) -> str:
        if self.is_active and not self.known.is_available:
            return "Kept, cannot send yet"
        return "" if self.row or self.is_active else "Not set up"

    @property
    def remark(self) -> str:
        if not self.known.is_available:
            return "Not available yet: settings are kept, nothing is sent"
        if self.known.name == SANDBOX:
            return "For trials: nothing leaves this system"
        if self.known.name == keitaro.PROVIDER:
            return "Takes postbacks" if keitaro.is_ready(self.row) else "Postbacks are refused"
        return "Sends" if self.is_active else "Sends nothing"


@dataclass(frozen=True)
class Sender:
    """Who sends on a channel now, if anybody. ``is_failing``: nothing goes out while it fails for everybody."""

    channel: Channel
    known: Known | None
    is_failing: bool = False

    @property
    def is_sandbox(self) -> bool:
        return self.known is not None and self.known.name == SANDBOX


def providers(now: datetime) -> list[Shown]:
    """Four queries."""
    breakers, sent = ProviderBreaker.objects.in_bulk(), import_string(settings.SENT_TODAY)(now)
    rows = {row.provider: row for row in IntegrationConfig.objects.all()}
    told = InboundEvent.objects.order_by().values("provider")
    heard = {
        each["provider"]: each
        for each in told.annotate(last=Max("received_at"), open=Count("pk", filter=Q(status__in=OPEN)))
    }
    return [
        Shown(
            known, rows.get(name), **_heard(heard.get(name)), **_sent(sent.get(name)), **_tried(breakers.get(name), now)
        )
        for name, known in PROVIDERS.items()
    ]


def shown(known: Known, row: IntegrationConfig | None, now: datetime) -> Shown:
    """One provider with its breaker; one query."""
    return Shown(known, row, **_tried(ProviderBreaker.objects.filter(pk=known.name).first(), now))


def senders() -> list[Sender]:
    """Two queries."""
    active, failing = ActiveProviders.load(), {row.provider for row in breaker.outages()}
    chosen = {channel: active.choose(channel) for channel in Channel}
    return [Sender(channel, PROVIDERS[name] if name else None, name in failing) for channel, name in chosen.items()]


def sandbox_channels(found: list[Sender]) -> str:
    """The channels the sandbox serves, in words; blank when it serves none."""
    labels = [sender.channel.label for sender in found if sender.is_sandbox]
    return ", ".join(labels[:-1]) + (" and " if labels[1:] else "") + labels[-1] if labels else ""


def sentence_about(known: Known) -> str:
    """What must be said of a provider before anything else; blank for an ordinary one."""
    if not known.is_available:
        return not_yet(known)
    if known.name == SANDBOX:
        return "The sandbox only pretends: it takes every message, and nothing leaves this system."
    return ""


def _heard(each: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"received_at": each["last"], "open_events": each["open"]} if each else {}


def _sent(each: tuple[datetime | None, int] | None) -> dict[str, Any]:
    return {"sent_at": each[0], "failed": each[1]} if each else {}


def _tried(row: ProviderBreaker | None, now: datetime) -> dict[str, Any]:
    """An outage, or for as long as it lasts a wait the provider asked for; nothing when all is well."""
    rests = row is not None and row.retry_at is not None and row.retry_at > now
    if row is None or not (rests or row.opened_at):
        return {}
    state = "RESTING" if rests else "TRYING"
    return {"breaker": state, "failing_since": row.opened_at, "back_at": row.retry_at, "why": row.reason}
