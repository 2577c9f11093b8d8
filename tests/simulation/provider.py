"""The outside: a provider that takes messages, fails in every way it can, and reports later."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar, Self

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
    now: Callable[[], datetime]
    lag: timedelta  # how long a message is not yet found
    lost_rate: float  # of reports that never arrive
    on_effect: Callable[[Message], None]
    is_calm: bool = False
    honours_keys: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    taken: dict[str, Message] = field(default_factory=dict)
    taken_at: dict[str, datetime] = field(default_factory=dict)
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
            self.taken_at[message.key] = self.now()
            self._report(message)
        self.pause("accepted")
        if fault:
            raise _AFTERWARDS[fault]()
        return Receipt(reference=f"ref-{message.key}")

    def find(self, message: Message) -> Receipt | None:
        self.pause("looking up")
        if not self.is_calm and self.random.random() < self.rates["lookup_down"]:
            raise OutcomeUnknown("The look-up is down.")
        shows = message.key in self.taken and self.taken_at[message.key] + self.lag <= self.now()
        return Receipt(reference=f"ref-{message.key}") if shows else None

    def _fault(self) -> str:
        if self.is_calm:
            return ""
        return next((fault for fault in FAULTS if self.random.random() < self.rates[fault]), "")

    def _report(self, message: Message) -> None:
        reference = f"ref-{message.key}"
        for number, status in enumerate(REPORTS):
            if self.random.random() < self.report_rate:
                facts = {"status": status, "result": {"opened": self.random.random() < 0.5}}
                self._put_on_the_way(Hook(f"{reference}:{number}", "delivery", facts, message, reference))
        if self.random.random() < self.reply_rate:
            facts = {"text": "Hello", "automatic": self.random.random() < 0.3}
            self._put_on_the_way(Hook(f"{reference}:reply", "reply", facts, message, reference))

    def _put_on_the_way(self, hook: Hook) -> None:
        if self.random.random() >= self.lost_rate:
            self.on_their_way.append(hook)


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


class InTurn:
    """A pool whose calls are made one after another by whoever asks, so that the seed decides their order."""

    def __init__(self, max_workers: int) -> None:
        self.map = map

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left running."""


class Searchable(Provider):
    """Class B: takes a repeat as a new message, but can be asked."""

    name = "simulated"
    channels = ("EMAIL", "SMS", "CALL", "WEBHOOK")
    is_searchable = True
    parallel = 2  # more than none, so that calls are marked as begun before they begin
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
