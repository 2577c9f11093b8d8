"""Twilio's calls in our words: that they really come from Twilio, and what they say."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

from integrations.models import IntegrationConfig
from integrations.providers.twilio import action_for, facts_of
from retention_center.lib.channels import Channel

PROVIDER = "twilio"
LONGEST_ID = 100
DEFAULT_PORTS = {"https": 443, "http": 80}
KEYWORDS = {  # the whole message, in any case: what the person asks for
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "stop"),
    **dict.fromkeys(("START", "UNSTOP"), "start"),
    **dict.fromkeys(("HELP", "INFO"), "help"),
}


class Malformed(Exception):
    """The call cannot be understood; the text says why, for its sender."""


def secrets_of(row: IntegrationConfig | None) -> list[str]:
    """The tokens that may sign, the one before the present among them; Twilio being switched off changes nothing:
    a person who says STOP is heard all the same."""
    config = row.config if row else {}
    return [config[name] for name in ("authToken", "previousAuthToken") if config.get(name)]


def is_signed(url: str, body: bytes, signature: str, secrets: Iterable[str], *, is_json: bool) -> bool:
    """Whether one of the secrets signed this call to ``url``, the address Twilio was given."""
    if is_json:
        named = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[-1]
        if not hmac.compare_digest(named.encode(), hashlib.sha256(body).hexdigest().encode()):
            return False
    pairs = () if is_json else _pairs(body)
    made = [sign(spelling, pairs, secret) for secret in secrets for spelling in _spellings(url)]
    return any(hmac.compare_digest(each.encode(), signature.encode("utf-8", "replace")) for each in made)


def sign(url: str, pairs: Iterable[tuple[str, str]], secret: str) -> str:
    """The address, then every name with each of its distinct values, all in order; HMAC-SHA1 in base64."""
    text = url + "".join(name + value for name, value in sorted(set(pairs)))
    digest = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def parameters_of(body: bytes, *, is_json: bool) -> dict[str, str]:
    """What the body says, as text; Malformed when it cannot be read."""
    if not is_json:
        return {_storable(name): _storable(value) for name, value in _pairs(body)}
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Malformed("The body is not JSON.") from error
    if not isinstance(said, dict):
        raise Malformed("The JSON is not an object.")
    return {
        _storable(name): _storable(str(value)) for name, value in said.items() if isinstance(value, str | int | float)
    }


def status_of(said: Mapping[str, str]) -> tuple[str, str, dict[str, Any]]:
    """(message, its status, facts of a delivery event)."""
    status = _needed(said, "MessageStatus", "SmsStatus").lower()
    facts = facts_of(status, said.get("ErrorCode", "")[:10])
    segments = said.get("NumSegments", "")
    if segments.isdigit() and 0 < int(segments[:4]) < 100:
        facts["result"]["segments"] = int(segments)
    return _needed(said, "MessageSid", "SmsSid"), status, facts


def is_opt_out(said: Mapping[str, str]) -> bool:
    """Whether a failed message says that its receiver had opted out."""
    return action_for(said.get("ErrorCode", "")) == "opt_out"


def message_of(said: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """(message, facts) of what a person wrote to us. Twilio's own reading of STOP and START wins over ours."""
    reference, sender = _needed(said, "MessageSid", "SmsSid", "SmsMessageSid"), _needed(said, "From")
    if "Body" not in said:
        raise Malformed("Body is missing.")
    text = said["Body"]
    keyword = said.get("OptOutType", "").strip().lower() or KEYWORDS.get(text.strip().upper(), "")
    asked = keyword if keyword in KEYWORDS.values() else ""
    return reference, {"channel": str(Channel.SMS), "from": sender, "text": text[:2000], "keyword": asked}


def _needed(said: Mapping[str, str], *names: str) -> str:
    """The first of these that is there."""
    value = next((said[name].strip() for name in names if said.get(name, "").strip()), "")
    if not value or len(value) > LONGEST_ID:
        raise Malformed(f"{names[0]} is missing or too long.")
    return value


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _spellings(url: str) -> set[str]:
    """The address as it is, with its scheme's port, and without any: Twilio itself signs now one, now the other."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    port = parts.port or DEFAULT_PORTS.get(parts.scheme, 443)
    return {url, *(urlunsplit(parts._replace(netloc=netloc)) for netloc in (host, f"{host}:{port}"))}


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
