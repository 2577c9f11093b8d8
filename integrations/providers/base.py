"""What every provider is to us: plain data in, a receipt or a classified error out. No model of ours in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Message:
    """One contact, rendered. ``key`` is ours and the same for every repeat of this very intent; ``work_id`` is the same
    over all tries of one piece of work.

    ``called_at`` is when the call began, for looking a message up; empty while it is sent.
    """

    key: str
    attempt_id: str
    lead_id: str
    channel: str
    to: str
    subject: str = ""
    text: str = ""
    html: str = ""
    url: str = ""
    unsubscribe_url: str = ""
    work_id: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    called_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Something a provider says later about a message; ``kind`` and ``facts`` as the inbox takes them.

    ``more`` are what the same words say besides, such as an opt-out.
    """

    kind: str
    facts: Mapping[str, Any]
    more: "tuple[Report, ...]" = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message. ``reference`` is its own id for it.

    ``pause``: seconds during which it has no room for another one, for whomever.
    """

    reference: str
    result: Mapping[str, Any] = field(default_factory=dict)
    cost: Decimal | None = None
    currency: str = ""
    reports: tuple[Report, ...] = ()
    pause: float | None = None


class NotSent(Exception):
    """The message certainly did not go out.

    ``reason`` is a code of campaigns' reasons. ``permanent``: trying again is useless for this message.
    ``account_wide``: everybody's messages fail alike (bad key, suspended), so it must cost nobody a try.
    ``retry_after``: seconds the provider asks us to wait (429); no failure of the message either.
    ``reports``: what the refusal tells besides, such as an opt-out.
    """

    def __init__(
        self,
        detail: str,
        *,
        reason: str = "refused",
        permanent: bool = False,
        account_wide: bool = False,
        retry_after: float | None = None,
        reports: tuple[Report, ...] = (),
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.permanent = permanent
        self.account_wide = account_wide
        self.retry_after = retry_after
        self.reports = reports


class OutcomeUnknown(Exception):
    """The request was written, no answer came: sent or not, we cannot know.

    Never sent again blindly, but by a provider that `is_repeatable`.
    """


class Provider:
    """One provider, opened with its config for a batch of messages, then closed."""

    name: ClassVar[str]
    channels: ClassVar[tuple[str, ...]]
    is_searchable: ClassVar[bool] = False
    is_repeatable: ClassVar[bool] = False  # its receiver leaves out what came before under the same ``work_id``
    can_be_asked: ClassVar[bool] = False  # what became of a message, by our reference: `look`
    ask_after: ClassVar[timedelta] = timedelta(minutes=15)  # when its own reports should have come
    default_rate: ClassVar[float | None] = None  # calls per second; None is unlimited
    parallel: ClassVar[int] = 1  # how many calls at once; 0: answers at once, in this process

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def send(self, message: Message) -> Receipt:
        """Hand the message over, or raise NotSent or OutcomeUnknown; within settings.CALL_SECONDS."""
        raise NotImplementedError

    def find(self, message: Message) -> Receipt | None:
        """Look a message up by our key: its receipt, None if it certainly never arrived, or OutcomeUnknown."""
        raise OutcomeUnknown(f"{self.name} cannot be searched.")

    def look(self, reference: str) -> Report | None:
        """What became of a message it took, with the price if it is known by now; None if it knows it no more.

        Raises NotSent or OutcomeUnknown when it does not answer.
        """
        raise NotImplementedError

    def check(self) -> str:
        """Ask the provider whether our credentials work: its answer in plain words, or NotSent."""
        raise NotImplementedError

    def close(self) -> None:
        """Give connections back."""
