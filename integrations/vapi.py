"""VAPI's calls to us, in our words: that they really come from VAPI, and what they say.

What they say is read as data only, and of it is kept what we act on: the rest repeats whole prompts and conversations,
and may hold the secret that VAPI was given for the way back.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integrations.models import IntegrationConfig
from integrations.providers.vapi_calls import ended, planted_in, text_of, under_way
from retention_center.lib.channels import Channel

PROVIDER = "vapi"
SECRET, BEARER, HMAC = "secret", "bearer", "hmac"
LONGEST_ID = 100
AGE = timedelta(minutes=5)  # of a signature, in either direction
MILLISECONDS = 10**11  # a number above this counts them, below it seconds
KEPT = ("type", "status", "endedReason", "startedAt", "endedAt", "cost", "durationSeconds", "timestamp")


class Malformed(Exception):
    """The call cannot be understood; the text says why, for its sender."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message as the inbox takes it."""

    kind: str
    key: str
    facts: Mapping[str, Any]
    attempt_id: str = ""
    reference: str = ""
    payload: dict[str, Any] = field(default_factory=dict)


# Who calls ------------------------------------------------------------------------------------------------------------


def secrets_of(row: IntegrationConfig | None) -> list[str]:
    """The secrets that count, the one before the present among them; VAPI being switched off changes nothing: calls
    that are under way still end."""
    config = row.config if row else {}
    return [config[name] for name in ("webhookSecret", "previousWebhookSecret") if config.get(name)]


def is_known(how: str, headers: Mapping[str, str], body: bytes, secrets: Iterable[str], real_now: datetime) -> bool:
    """Whether the call proves to be VAPI's in the one way it was set up for; no other way counts."""
    if how == BEARER:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and _is_one_of(given.strip(), secrets)
    if how == HMAC:
        signature = headers.get("x-signature", "").strip().removeprefix("sha256=").lower()
        stamp = headers.get("x-timestamp", "").strip()
        return _is_fresh(stamp, real_now) and _is_one_of(signature, (sign(stamp, body, secret) for secret in secrets))
    return _is_one_of(headers.get("X-Vapi-Secret", ""), secrets)


def sign(stamp: str, body: bytes, secret: str) -> str:
    """HMAC-SHA256 over the time, a dot and the raw body, in hex."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _is_one_of(given: str, secrets: Iterable[str]) -> bool:
    return any(hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()) for secret in secrets)


def _is_fresh(stamp: str, real_now: datetime) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        return False
    seconds = int(stamp) / (1000 if int(stamp) >= MILLISECONDS else 1)
    return abs(real_now.timestamp() - seconds) <= AGE.total_seconds()


# What it says ---------------------------------------------------------------------------------------------------------


def read(body: bytes) -> Told:
    """The message; Malformed when it is none, or lacks what its kind cannot do without."""
    message = _message(body)
    kind = text_of(message.get("type"), LONGEST_ID)
    if not kind:
        raise Malformed("message.type is missing.")
    call = message["call"] if isinstance(message.get("call"), dict) else {}
    attempt_id, _key = planted_in(call)
    reference = _id(call.get("id"))
    about: dict[str, Any] = {"attempt_id": attempt_id, "reference": reference, "payload": _kept(message, call)}
    whom = reference or attempt_id
    if kind == "status-update":
        status = _needed(message, "status").lower()
        return Told("delivery", f"{_whom(whom)}:{kind}:{status}", under_way(status, call), **about)
    if kind == "end-of-call-report":
        _needed(message, "endedReason")
        if call.get("type") == "inboundPhoneCall" and not attempt_id:
            return _called_back(message, call, _whom(whom), about)
        return Told("delivery", f"{_whom(whom)}:{kind}:", ended(message, call), **about)
    digest = hashlib.sha256(body).hexdigest()[:32]
    return Told("note", f"{whom}:{kind}:{digest}", {"what": kind}, **about)


def _called_back(message: Mapping[str, Any], call: Mapping[str, Any], whom: str, about: dict[str, Any]) -> Told:
    """Somebody rang our number: if they talked, that is an answer to the last call they got."""
    facts = ended(message, call)
    customer = next((each for each in (message.get("customer"), call.get("customer")) if isinstance(each, dict)), {})
    sender = text_of(customer.get("number"), 40)
    if facts["status"] != "SUCCESS" or not sender:
        return Told("note", f"{whom}:end-of-call-report:", {"what": "a call to us without a talk"}, **about)
    said = facts["result"].get("summary") or facts["result"].get("transcript") or "Called us back."
    words = {"channel": str(Channel.CALL), "from": sender, "text": said[:2000], "keyword": ""}
    return Told("message", f"{whom}:end-of-call-report:", words, **about)


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not JSON.") from error
    message = said.get("message") if isinstance(said, dict) else None
    if not isinstance(message, dict):
        raise Malformed("message is missing.")
    return message


def _needed(message: Mapping[str, Any], name: str) -> str:
    value = text_of(message.get(name), LONGEST_ID * 2)
    if not value:
        raise Malformed(f"message.{name} is missing.")
    return value


def _id(value: Any) -> str:
    if isinstance(value, str) and len(value) > LONGEST_ID:
        raise Malformed("message.call.id is too long.")
    return text_of(value, LONGEST_ID)


def _whom(whom: str) -> str:
    if not whom:
        raise Malformed("message.call.id is missing.")
    return whom


def _kept(message: Mapping[str, Any], call: Mapping[str, Any]) -> dict[str, Any]:
    """The bare frame of the message, for whoever looks at the event; what was said stands in the facts."""
    kept = {name: _plain(message[name]) for name in KEPT if name in message}
    return kept | {"call": {name: _plain(call[name]) for name in ("id", "name", "type", "status") if name in call}}


def _plain(value: Any) -> str | None:
    return None if value is None else text_of(str(value) if isinstance(value, int | float) else value, 200)
