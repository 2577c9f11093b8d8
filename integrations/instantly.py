"""Instantly's calls in our words: that they prove to be its, and what they say.

Its webhooks know no signature: the header that we asked it to send is all the proof there is.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from integrations.models import IntegrationConfig
from integrations.providers.instantly import OURS
from integrations.reading import Unreadable, json_object
from retention_center.lib.channels import Channel

PROVIDER = "instantly"
LONGEST_ADDRESS = 254  # characters, as addresses are kept
LONGEST_WORD, LONGEST_TEXT = 300, 2000
EFFECTS: dict[str, tuple[str, dict[str, Any]]] = {  # what it means for the attempt: status, flags
    "email_sent": ("SENT", {}),
    "email_opened": ("DELIVERED", {"opened": True}),
    "link_clicked": ("SUCCESS", {"clicked": True, "opened": True}),
    "email_link_clicked": ("SUCCESS", {"clicked": True, "opened": True}),
    "auto_reply_received": ("DELIVERED", {"auto_replied": True}),
    "email_bounced": ("BOUNCED", {"bounced": True}),
    "lead_unsubscribed": ("SENT", {"unsubscribed": True}),
}
REPLY, UNSUBSCRIBED = "reply_received", "lead_unsubscribed"
ENGAGED = {"lead_interested", "lead_meeting_booked", "lead_meeting_completed"}
OF_CAMPAIGN = {"campaign_completed", "account_error", "supersearch_enrichment_completed"}
KEPT = (
    "timestamp", "event_type", "workspace", "campaign_id", "campaign_name", "lead_email", "email_account", "step",
    "variant", "is_first", "email_id", "email_subject", "reply_subject", "reply_text_snippet", OURS,
)  # fmt: skip
NAMED = ("event_type", "campaign_id", "lead_email", "step", "variant", "email_id", "timestamp")  # no event has an id


class Malformed(Exception):
    """The call cannot be understood; the text says why, for its sender."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as the inbox takes it."""

    kind: str
    key: str
    facts: Mapping[str, Any]
    attempt_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


def secrets_of(row: IntegrationConfig | None) -> list[str]:
    """The secrets that count, the one before the present among them; Instantly being switched off changes nothing: who
    unsubscribes is heard all the same."""
    config = row.config if row else {}
    return [str(config[name]) for name in ("webhookSecret", "previousWebhookSecret") if config.get(name)]


def is_known(headers: Mapping[str, str], secrets: Iterable[str]) -> bool:
    """Whether one of the secrets stands in the header we asked for, or in Authorization."""
    bearer = headers.get("Authorization", "").strip()
    given = [headers.get("X-Webhook-Secret", "").strip(), bearer, bearer.partition(" ")[2].strip()]
    candidates = [each.encode("utf-8", "replace") for each in given if each]
    return any(hmac.compare_digest(each, secret.encode()) for secret in secrets for each in candidates)


def read(body: bytes) -> list[Told]:
    """What the call tells; Malformed when it cannot be read, or lacks what its kind cannot do without."""
    try:
        said = json_object(body.decode("utf-8", "replace"))
    except Unreadable as error:
        raise Malformed(str(error)) from error
    event = _word(said, "event_type").lower()
    if not event:
        raise Malformed("event_type is missing.")
    key = _key(said)
    payload = {name: value[:LONGEST_WORD] for name in KEPT if isinstance(value := said.get(name), str)}
    if event in OF_CAMPAIGN:
        return [Told("campaign_event", key, {"what": event}, payload=payload)]
    address, attempt_id = _address(said), _word(said, OURS)[:40]
    if not address and not attempt_id:
        raise Malformed("lead_email is missing, or no address.")
    whom = {"address": address, "remoteCampaign": _word(said, "campaign_id")}
    kind, facts = _meaning(event, said)
    told = [Told(kind, key, facts | whom, attempt_id, payload)]
    if event == UNSUBSCRIBED:
        gone = {"channel": str(Channel.EMAIL), "source": "instantly"} | whom
        told.append(Told("address_opt_out", f"{key}:opt_out", gone, attempt_id))
    return told


def _meaning(event: str, said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if event == REPLY:
        text = said.get("reply_text_snippet") or said.get("reply_text") or ""
        return "reply", {"text": str(text)[:LONGEST_TEXT], "automatic": False, "engaged": True}
    if event in EFFECTS:
        status, result = EFFECTS[event]
        own = {"sent_at": _word(said, "timestamp"), "step": _word(said, "step")} if event == "email_sent" else {}
        return "delivery", {"status": status, "result": result | {name: value for name, value in own.items() if value}}
    return "interest", {
        "status": "SENT",
        "result": {"interest": _word(said, "event_type")},
        "engaged": event in ENGAGED,
    }


def _key(said: Mapping[str, Any]) -> str:
    parts = [_word(said, name).lower() if name == "lead_email" else _word(said, name) for name in NAMED]
    return f"{PROVIDER}:{hashlib.sha256('|'.join(parts).encode()).hexdigest()}"


def _address(said: Mapping[str, Any]) -> str:
    """Whom it is about; blank for what cannot be an e-mail address."""
    address = _word(said, "lead_email").lower()
    return address if "@" in address and len(address) <= LONGEST_ADDRESS else ""


def _word(said: Mapping[str, Any], name: str) -> str:
    """A short text or number (which comes as text); blank for anything else."""
    value = said.get(name)
    return value.strip()[:LONGEST_WORD] if isinstance(value, str) else ""
