"""The outside: a provider that takes messages, fails in every way it can, and reports later."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar

from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt

PATHS = {
    "A": "tests.simulation.provider.HonoursKeys",
    "B": "tests.simulation.provider.Searchable",
    "C": "tests.simulation.provider.Blind",
}
FAULTS = ("refuse", "permanent", "429", "account", "lost_before", "lost_after", "broken")
REPORTS = ("SENT", "DELIVERED", "FAILED", "BOUNCED", "SUCCESS")


@dataclass(slots=True)
class Hook:
    """A report on its way to us; it may come again."""

    key: str
    kind: str
    facts: dict[str, Any]
    message: Message
    reference: str


@dataclass(slots=True)
class Outside:
    """What really happened out there. ``pause`` lets the others run while a call is under way."""

    random: Random
    rates: dict[str, float]
    report_rate: float
    reply_rate: float
    pause: Callable[[str], None]
    on_effect: Callable[[Message], None]
    is_calm: bool = False
    honours_keys: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    taken: dict[str, Message] = field(default_factory=dict)
    on_their_way: list[Hook] = field(default_factory=list)

    def send(self, message: Message) -> Receipt:
        """One call, with the fault that the dice say."""
        self.calls[message.key] += 1
        fault = self._fault()
        self.pause("net out")
        if fault in _RAISED:
            raise _RAISED[fault]()
        if not (self.honours_keys and message.key in self.taken):
            self.on_effect(message)
            self.taken[message.key] = message
            self._report(message)
        self.pause("accepted")
        if fault:
            raise _AFTERWARDS[fault]()
        return Receipt(reference=f"ref-{message.key}")

    def find(self, message: Message) -> Receipt | None:
        self.pause("looking up")
        if not self.is_calm and self.random.random() < self.rates["lookup_down"]:
            raise OutcomeUnknown("The look-up is down.")
        return Receipt(reference=f"ref-{message.key}") if message.key in self.taken else None

    def _fault(self) -> str:
        if self.is_calm:
            return ""
        return next((fault for fault in FAULTS if self.random.random() < self.rates[fault]), "")

    def _report(self, message: Message) -> None:
        reference = f"ref-{message.key}"
        for number, status in enumerate(REPORTS):
            if self.random.random() < self.report_rate:
                facts = {"status": status, "result": {"opened": self.random.random() < 0.5}}
                self.on_their_way.append(Hook(f"{reference}:{number}", "delivery", facts, message, reference))
        if self.random.random() < self.reply_rate:
            facts = {"text": "Hello", "automatic": self.random.random() < 0.3}
            self.on_their_way.append(Hook(f"{reference}:reply", "reply", facts, message, reference))


_RAISED: dict[str, Callable[[], Exception]] = {
    "refuse": lambda: NotSent("Refused."),
    "permanent": lambda: NotSent("No such address.", reason="invalid_address", permanent=True),
    "429": lambda: NotSent("Slow down.", retry_after=30),
    "account": lambda: NotSent("Bad key.", account_wide=True),
    "lost_before": lambda: OutcomeUnknown("Timed out."),
}
_AFTERWARDS: dict[str, Callable[[], Exception]] = {
    "lost_after": lambda: OutcomeUnknown("Timed out."),
    "broken": lambda: ValueError("The adapter stumbled over the answer."),
}


class Searchable(Provider):
    """Class B: takes a repeat as a new message, but can be asked."""

    name = "simulated"
    channels = ("EMAIL", "SMS", "CALL", "WEBHOOK")
    is_searchable = True
    parallel = 0
    outside: ClassVar[Outside]

    def send(self, message: Message) -> Receipt:
        return Searchable.outside.send(message)

    def find(self, message: Message) -> Receipt | None:
        return Searchable.outside.find(message)


class HonoursKeys(Searchable):
    """Class A: a repeat of a key is one message."""


class Blind(Searchable):
    """Class C: takes repeats as new messages, and cannot be asked."""

    is_searchable = False

    def find(self, message: Message) -> Receipt | None:
        raise OutcomeUnknown("It cannot be searched.")
