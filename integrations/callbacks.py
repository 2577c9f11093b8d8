"""The addresses at which providers call us: what to paste where, and when each was last used."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Max

from integrations import keitaro
from integrations.models import InboundEvent, IntegrationConfig
from retention_center.pages.navigation import address

ASKED = ":asked:"  # in the key of what we asked for ourselves


@dataclass(frozen=True, slots=True)
class Callback:
    """One address. ``kinds`` are the events that come by it, none: all of them; ``where`` is for who pastes it."""

    label: str
    route: str
    where: str
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """``is_open``: a secret is set, so that calls are not refused outright."""

    label: str
    url: str
    where: str
    received_at: datetime | None
    is_open: bool


CALLBACKS: dict[str, tuple[Callback, ...]] = {
    "twilio": (
        Callback(
            "A message comes in",
            "webhook-twilio-inbound",
            "At the phone number or the messaging service, by POST.",
            ("message",),
        ),
        Callback(
            "Status of a message",
            "webhook-twilio-status",
            "Nothing to paste: each message tells Twilio this address.",
            ("delivery", "opt_out"),
        ),
    ),
    "vapi": (
        Callback(
            "Server URL",
            "webhook-vapi",
            "Each call tells VAPI this address. Paste it at the phone number for those who ring back, and at the "
            "assistant if HMAC names no credential.",
        ),
    ),
    "instantly": (
        Callback("Webhook", "webhook-instantly", "For all events, with the webhook secret as a header of its own."),
    ),
    "keitaro": (Callback("Postback", "webhook-keitaro", "With its secret and parameters, as shown above."),),
}
SECRETS = {"twilio": "authToken", "vapi": "webhookSecret", "instantly": "webhookSecret", "keitaro": "webhookSecret"}


def of(provider: str, row: IntegrationConfig | None) -> list[Shown]:
    """The provider's addresses, in the order of the table; one query, none for who never calls us."""
    known = [callback for callback in CALLBACKS.get(provider, ()) if address(callback.route)]
    if not known:
        return []
    told = InboundEvent.objects.filter(provider=provider).exclude(event_key__contains=ASKED).order_by()
    heard = dict(told.values_list("kind").annotate(last=Max("received_at")))
    is_open = bool(row and row.config.get(SECRETS[provider]) and (row.is_active or provider != keitaro.PROVIDER))
    return [
        Shown(
            callback.label,
            f"{settings.PUBLIC_URL}{address(callback.route)}",
            callback.where,
            _latest(heard, callback.kinds),
            is_open,
        )
        for callback in known
    ]


def _latest(heard: dict[str, datetime], kinds: Collection[str]) -> datetime | None:
    return max((at for kind, at in heard.items() if not kinds or kind in kinds), default=None)
