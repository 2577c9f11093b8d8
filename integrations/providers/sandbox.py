"""Pretends to send, on every channel, and answers at once.

It remembers nothing: what becomes of a message follows from the message's key alone, so that a repeat, a
look-up and another worker all get the same story. The config gives shares of all messages, from 0 to 1
(absent: 0): ``failed`` are reported as not delivered, ``delivered`` as delivered, ``replied`` as answered by a
person. A failed message is neither delivered nor answered; the answered are among the delivered first.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from integrations.providers.base import Message, Provider, Receipt, Report
from retention_center.lib.channels import Channel

REPLY = "Thank you, please tell me more. (A reply made up by the sandbox.)"


class Sandbox(Provider):
    name = "sandbox"
    channels = tuple(Channel.values)
    is_searchable = True
    default_rate: ClassVar[float | None] = None
    parallel = 0

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.failed, self.delivered, self.replied = (
            float(config.get(name) or 0) for name in ("failed", "delivered", "replied")
        )

    def send(self, message: Message) -> Receipt:
        """Always takes the message; the reports come with the receipt."""
        return Receipt(
            reference=f"sandbox-{message.key}",
            result={"sandbox": True},
            reports=self._reports(message.key),
        )

    def find(self, message: Message) -> Receipt:
        """Every message that was ever asked of it counts as taken."""
        return self.send(message)

    def check(self) -> str:
        return "This is the sandbox: it takes every message, and nothing leaves this system."

    def _reports(self, key: str) -> tuple[Report, ...]:
        if not (self.failed or self.delivered or self.replied):
            return ()
        lot = draw(key)
        facts = {"result": {"sandbox": True}}
        if lot < self.failed:
            return (Report("delivery", facts | {"status": "FAILED", "reason": "not_delivered"}),)
        reports = []
        if lot >= 1 - self.delivered:
            reports.append(Report("delivery", facts | {"status": "DELIVERED"}))
        if lot >= 1 - self.replied:
            reports.append(Report("reply", {"text": REPLY, "automatic": False}))
        return tuple(reports)


def draw(key: str) -> float:
    """The key's lot: a number from 0 to below 1, evenly spread, always the same for one key."""
    digest = hashlib.blake2b(key.encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48
