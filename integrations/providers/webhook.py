"""Webhooks to systems of our own users, signed as Standard Webhooks says.

``webhook-id`` names the work, not the try: a message whose answer was lost is handed over again under the same id, and
its receiver leaves out what it has seen. That is at least once, and says so: it is the one provider that may be asked
twice without knowing what came of the first time.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, ClassVar

from integrations.providers import guarded
from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt
from integrations.providers.http import Answer
from retention_center.lib import clock, ids
from retention_center.lib.channels import Channel

PREFIX = "whsec_"
SECRETS = ("signingSecret", "previousSigningSecret")
TRY_LATER = (425, 429)
NO_ANSWER_YET = 408
GONE = 410


class Webhook(Provider):
    name = "webhook"
    channels = (Channel.WEBHOOK,)
    is_repeatable = True
    default_rate: ClassVar[float | None] = 20
    parallel = 4

    def send(self, message: Message) -> Receipt:
        """Post the message's text, which is JSON, to its address."""
        answer = self._post(message.url, message.work_id or message.key, message.text)
        if error := _failure(answer):
            raise error
        return Receipt(reference=message.key, result={"status": answer.status})

    def check(self) -> str:
        """Post a signed test to the address for tests; without one there is nobody to ask."""
        url = str(self.config.get("testUrl") or "")
        if not url:
            keys_of(self.config)
            return "Ready to sign. Each script names its own address; name one for tests, and this calls it."
        try:
            answer = self._post(url, f"test_{ids.new_id()}", '{"type": "test"}')
        except OutcomeUnknown as silence:
            raise NotSent(str(silence)) from silence
        if not 200 <= answer.status < 300:
            raise NotSent(f"the receiver answered {answer.status}")
        return f"The receiver answered {answer.status}."

    def _post(self, url: str, webhook_id: str, text: str) -> Answer:
        target = guarded.target_of(
            url, allow_http=bool(self.config.get("allowHttp")), hosts=self.config.get("allowedHosts") or ()
        )
        body = text.encode()
        headers = signed_headers(self.config, webhook_id, int(clock.now().timestamp()), body)
        return guarded.post(target, body, headers)


def signed_headers(config: Mapping[str, Any], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What goes with the body; while a secret is being replaced, a signature by each."""
    signatures = " ".join(sign(key, webhook_id, timestamp, body) for key in keys_of(config))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Retention-Center",
        "Connection": "close",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures,
    }


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """One signature, as Standard Webhooks writes it."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def keys_of(config: Mapping[str, Any]) -> list[bytes]:
    """The keys that sign: what stands after whsec_ in base64, or the secret's own text. NotSent when there is none."""
    try:
        keys = [_key(str(config[name])) for name in SECRETS if config.get(name)]
    except (binascii.Error, ValueError) as error:
        detail = f"A secret that begins with {PREFIX} goes on in base64; this one does not"
        raise NotSent(detail, account_wide=True) from error
    if not keys:
        raise NotSent("There is no signing secret", account_wide=True)
    return keys


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        return secret.encode()
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


def _failure(answer: Answer) -> Exception | None:
    """What an answer means for the message, as Standard Webhooks has it: only 2xx took it."""
    said = f"The receiver answered {answer.status}"
    if answer.is_ok:
        return None
    if answer.status in TRY_LATER:
        return NotSent(said, retry_after=answer.retry_after)
    if answer.status >= 500 or answer.status == NO_ANSWER_YET:
        return OutcomeUnknown(said)
    if 300 <= answer.status < 400:
        return NotSent(f"{said}: a redirect, which is not followed")
    return NotSent(said, permanent=answer.status == GONE)
