"""What the door works on, and what it asks of whoever owns the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from django.db.models import Q

from campaigns.models import Campaign, ContactAttempt, Script
from campaigns.policy import Decision
from campaigns.reasons import Reason
from integrations.providers.base import Message, Receipt
from integrations.providers.base import Report as Told
from leads.models import Lead

RETRY_AFTER = timedelta(hours=1)
TRIES_BEFORE_SKIP = 2


@dataclass(slots=True)
class WorkItem:
    """One piece of due work: whom to contact, how, and what only its owner knows about whether to.

    ``id`` with ``try_no`` names the intent; ``fence`` is the claim's, written by `WorkSource.start`.
    """

    id: str
    lead: Lead
    channel: str
    script: Script | None
    try_no: int
    fence: int
    due_since: datetime | None = None
    ended_because: Reason | None = None
    enrollment_is_paused: bool = False
    step_is_on: bool = True
    conditions_hold: bool = True
    owner_runs: bool = True
    own_rules: Mapping[str, Any] = field(default_factory=dict)  # how its own sequence narrows the contact policy
    sequence_name: str = ""
    campaign: Campaign | None = None
    has_tries_left: bool = False  # after this one, should it fail
    repeats: str = ""  # staff send this work's message once more: its receiver knows it by that id
    ab_test: str | None = None  # the test whose variant the script's text is
    variant: str = ""
    own: Any = None  # whatever its source wants back


class Outcome(StrEnum):
    SENT = "sent"
    REFUSED = "refused"  # certainly not sent, counts as a failure of this item
    POSTPONED = "postponed"  # certainly not sent, and no failure of this item (429, account-wide, not called)
    UNKNOWN = "unknown"
    UNCONFIRMED = "unconfirmed"  # unknown, but its receiver leaves out repeats: tried again as a refused one


@dataclass(slots=True)
class Intent:
    """A committed intent: the attempt's row ``attempt_id`` stands as PENDING, the provider is not yet asked."""

    item: WorkItem
    provider: str
    message: Message
    attempt_id: str = ""

    def __post_init__(self) -> None:
        self.attempt_id = self.message.attempt_id


@dataclass(slots=True)
class Answer:
    """What came of one intent. ``reason`` and ``detail`` say why not; ``permanent`` that a retry is useless."""

    intent: Intent
    outcome: Outcome
    receipt: Receipt | None = None
    reason: Reason | None = None
    detail: str = ""
    is_permanent: bool = False
    wait: timedelta = timedelta(0)  # how long a postponed one waits
    called_at: datetime | None = None  # empty: not called, or looked up
    told: tuple[Told, ...] = ()  # what a refusal tells besides


@dataclass(slots=True)
class Report:
    """What a round did, in the words of `process_sequences`."""

    due: int = 0
    sent: int = 0
    failed: int = 0
    retried: int = 0
    skipped: int = 0
    held: int = 0
    unknown: int = 0
    completed: int = 0
    enrolled: int = 0
    paced: int = 0  # due, but the provider's pace did not let them start

    def add(self, other: "Report") -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class WorkSource(Protocol):
    """Whoever has due work. Every method but `wanted` runs inside one of the door's transactions."""

    @property
    def origin(self) -> str:
        """What its attempts are marked with."""
        ...

    def claim(self, now: datetime, limit: int) -> list[WorkItem]:
        """Due work, its leads locked (those that somebody else holds are left out), at most one per lead."""
        ...

    def start(self, items: Sequence[WorkItem], attempts: dict[str, str], lease_until: datetime, owner: str) -> set[str]:
        """Move these to in flight under a lease, by compare-and-set: the ids that are ours. ``attempts`` by item id."""
        ...

    def put_off(self, decided: Sequence[tuple[WorkItem, Decision]], now: datetime) -> Report:
        """Settle what is not sent: keep holds, leave skips out and go on, end what is stopped."""
        ...

    def settle(self, answers: Sequence[Answer], now: datetime) -> Report:
        """Close what the fence still owns, and schedule what comes next."""
        ...

    def abandoned(self, real_now: datetime, limit: int) -> list[tuple[WorkItem, ContactAttempt | None]]:
        """Work in flight whose lease has run out, its leads locked, taken over by raising the fence and a new lease."""
        ...

    def give_back(self, items: Sequence[WorkItem], now: datetime) -> None:
        """Work that was claimed but has no intent: due again as it was."""
        ...

    def wanted(self) -> Q:
        """The attempts of this source whose work still stands: nothing went off since the intent."""
        ...
