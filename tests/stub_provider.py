"""A provider for tests that answers as it is told and remembers what reached it, like a real one would."""

from collections.abc import Callable
from typing import ClassVar

from integrations.providers.base import Message, OutcomeUnknown, Provider, Receipt

PATH = "tests.stub_provider.StubProvider"
PATH_UNSEARCHABLE = "tests.stub_provider.UnsearchableProvider"
PATH_REPEATABLE = "tests.stub_provider.RepeatableProvider"


class StubProvider(Provider):
    """Takes messages on every channel. ``answer`` is called per message and may raise what adapters raise."""

    name = "stub"
    channels = ("EMAIL", "SMS", "CALL", "WEBHOOK")
    is_searchable = True
    parallel = 2
    arrived: ClassVar[dict[str, list[Message]]] = {}
    answer: ClassVar[Callable[[Message], None]] = staticmethod(lambda message: None)

    @classmethod
    def reset(cls) -> None:
        cls.arrived.clear()
        StubProvider.answer = staticmethod(lambda message: None)

    def send(self, message: Message) -> Receipt:
        type(self).answer(message)
        return self.accept(message)

    def accept(self, message: Message) -> Receipt:
        self.arrived.setdefault(message.key, []).append(message)
        return Receipt(reference=f"stub-{message.key}")

    def find(self, message: Message) -> Receipt | None:
        return Receipt(reference=f"stub-{message.key}") if message.key in self.arrived else None


class UnsearchableProvider(StubProvider):
    is_searchable = False

    def find(self, message: Message) -> Receipt | None:
        raise OutcomeUnknown("It cannot be searched.")


class RepeatableProvider(UnsearchableProvider):
    """Its receivers leave out what came before under the same ``work_id``."""

    is_repeatable = True

    @classmethod
    def acted_on(cls) -> list[str]:
        """The work that was acted on, each once."""
        return sorted({message.work_id for messages in cls.arrived.values() for message in messages})
