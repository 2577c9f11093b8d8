"""Keitaro's postbacks in our words: which of its parameters mean what. Keitaro versions differ, so much is accepted."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integrations.models import IntegrationConfig

PROVIDER = "keitaro"
LONGEST_ID = 255
PLACES = Decimal("0.0001")
MOST = Decimal("9999999999.9999")  # what a revenue column holds

ACCEPTED_NAMES = {  # ours: theirs, the first that is present wins
    "sub_id": ("subid", "sub_id"),
    "click_id": ("click_id", "clickid", "external_id"),
    "tid": ("tid", "txid", "transaction_id"),
    "status": ("status", "type"),
    "revenue": ("payout", "revenue", "profit", "conversion_revenue"),
    "currency": ("currency",),
    "external_id": ("external_id",),
}
IDS = ("sub_id", "click_id", "tid", "external_id")
PLANTED_NAMES = tuple(f"sub_id_{number}" for number in range(1, 16))
URL_PARAMETERS = (
    "subid={subid}&tid={tid}&status={status}&payout={revenue}&currency={currency}&external_id={external_id}"
    "&sub_id_1={sub_id_1}&campaign_id={campaign_id}&campaign_name={campaign_name}"
)

_MACRO = re.compile(r"\{[^{}]*\}")
_MONEY = re.compile(r"[0-9]+(\.[0-9]+)?")


class Malformed(Exception):
    """The postback cannot be understood; the text says why, for its sender."""


def is_ready(row: IntegrationConfig | None) -> bool:
    """Whether postbacks are taken: Keitaro is switched on and has a secret."""
    return row is not None and row.is_active and bool(row.config.get("webhookSecret"))


def is_secret(config: Mapping[str, Any], candidate: str) -> bool:
    """Whether it is the secret, or the one before it, compared in constant time."""
    secrets = [str(config.get(name) or "") for name in ("webhookSecret", "previousWebhookSecret")]
    known = [hmac.compare_digest(secret.encode(), candidate.encode("utf-8", "replace")) for secret in secrets if secret]
    return any(known)


def without_secret(parameters: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that may be stored: no ``secret``, nor the secret under another name."""
    return {
        name: value
        for name, value in parameters.items()
        if name.strip().lower() != "secret" and not (isinstance(value, str) and is_secret(config, value.strip()))
    }


def event_key(parameters: Mapping[str, Any]) -> str:
    """The same for every copy of a postback, whichever way it was sent."""
    canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def facts_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What the postback says, or Malformed. Money is text, as it will be read back into a Decimal."""
    said = {ours: _first(parameters, names) for ours, names in ACCEPTED_NAMES.items()}
    if not said["sub_id"] and not said["click_id"]:
        raise Malformed("Neither subid nor click_id is given.")
    for name in IDS:
        if len(said[name]) > LONGEST_ID:
            raise Malformed(f"{ACCEPTED_NAMES[name][0]} is longer than {LONGEST_ID} characters.")
    revenue, warnings = _money(said["revenue"])
    planted = [value for name in PLANTED_NAMES if (value := _text(parameters.get(name)))]
    return said | {
        "status": said["status"].lower()[:40],
        "currency": said["currency"].upper(),
        "revenue": str(revenue),
        "planted": planted,
        "warnings": warnings,
    }


def _first(parameters: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := _text(parameters.get(name)))), "")


def _text(value: Any) -> str:
    """A parameter's text; nothing for what is absent, nested, or a macro Keitaro did not fill in."""
    if value is None or isinstance(value, dict | list):
        return ""
    text = str(value).strip()
    return "" if _MACRO.fullmatch(text) else text


def _money(text: str) -> tuple[Decimal, list[str]]:
    """The amount, and a warning when there was none to be read: then it is 0."""
    amount = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    if len(amount) <= LONGEST_ID and _MONEY.fullmatch(amount):
        value = Decimal(amount)
        if value <= MOST:
            return value.quantize(PLACES), []
    return Decimal(0), [f"The payout {text[:40]!r} is no amount; it counts as 0." if text else "No payout was given."]
