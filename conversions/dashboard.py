"""Today's page: is it running, what is due, what went wrong and what to do about it, and what came of it all."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from campaigns.models import ContactAttempt
from conversions import causes, replies, reports
from conversions.causes import Cause
from conversions.models import Conversion
from conversions.periods import Period
from conversions.replies import Reply
from integrations.providers.registry import SANDBOX
from retention_center.lib.channels import Channel
from sequences.processor import OVERDUE_AFTER

CHART_DAYS = 14
CHOICES = (7, 14, 30)
REPLIES_SHOWN = 6
REPLIES_COUNTED = 100
REASONS_SHOWN = 8


@dataclass
class Strip:
    """What stands open in active sequences, and what nobody knows of the last days."""

    in_flight: int = 0
    held: int = 0
    unknown: int = 0
    due: Counter[str] = field(default_factory=Counter)  # today, by channel
    holds: list[Cause] = field(default_factory=list)


class Today:
    """All figures of the page for one reader, in the reader's zone; each property is one query at most."""

    def __init__(self, now: datetime, zone: ZoneInfo, days: int = CHOICES[0]) -> None:
        self.now, self.zone, self.days = now, zone, days
        self.day = now.astimezone(zone).date()
        self.today = Period.ending(self.day, 1, zone)
        self.yesterday = self.today.before
        self.charted = Period.ending(self.day, CHART_DAYS, zone)
        self.period = Period.ending(self.yesterday.last, days, zone)  # whole days: what is compared is complete

    # What stands open ----------------------------------------------------------------------------------------

    @cached_property
    def strip(self) -> Strip:
        rows = causes.waiting(self.now, self.today.end, OVERDUE_AFTER)
        strip = Strip(holds=causes.held_of(rows))
        for row in rows:
            strip.in_flight += row["count"] if row["status"] == "PENDING" else 0
            strip.held += row["count"] if row["held_reason"] else 0
            strip.due[row["step__channel"]] += row["due"]
        strip.unknown = sum(row["count"] for row in self._attempts if row["status"] == "UNKNOWN")
        return strip

    # Attempts of the last fourteen days ----------------------------------------------------------------------

    @cached_property
    def _attempts(self) -> list[dict[str, Any]]:
        day = TruncDate("started_at", tzinfo=self.zone)
        recent = ContactAttempt.objects.filter(started_at__gte=self.charted.start, started_at__lt=self.charted.end)
        grouped: Any = recent.annotate(day=day).order_by().values("day", "channel", "status", "reason")
        return list(grouped.annotate(count=Count("pk"), pretended=Count("pk", filter=Q(provider=SANDBOX))))

    @property
    def pretended(self) -> int:
        """Of the charted contacts, those that only the sandbox took."""
        return sum(row["pretended"] for row in self._attempts if row["status"] in ContactAttempt.ACCEPTED)

    def _count(self, days: Iterable[date], statuses: Iterable[str]) -> int:
        wanted, within = set(statuses), set(days)
        return sum(row["count"] for row in self._attempts if row["day"] in within and row["status"] in wanted)

    @property
    def sent_yesterday(self) -> int:
        return self._count(self.yesterday.days, ContactAttempt.ACCEPTED)

    @property
    def tried_yesterday(self) -> int:
        return self._count(self.yesterday.days, ContactAttempt.Status)

    @property
    def failed_since_yesterday(self) -> int:
        return self._count([*self.yesterday.days, self.day], causes.FAILURES)

    @property
    def tried_since_yesterday(self) -> int:
        return self._count([*self.yesterday.days, self.day], ContactAttempt.Status)

    @cached_property
    def sends_by_day(self) -> dict[str, dict[date, int]]:
        """By channel and day: contacts which a provider took."""
        found: dict[str, dict[date, int]] = {str(channel): defaultdict(int) for channel in Channel.values}
        for row in self._attempts:
            if row["status"] in ContactAttempt.ACCEPTED:
                found[row["channel"]][row["day"]] += row["count"]
        return found

    # Reasons -------------------------------------------------------------------------------------------------

    @cached_property
    def reasons(self) -> list[Cause]:
        """What failed or was skipped since yesterday, and what is held now."""
        since = {*self.yesterday.days, self.day}
        failed = causes.causes_of(
            causes.FAILED,
            (
                (row["reason"], row["channel"], row["count"])
                for row in self._attempts
                if row["status"] in causes.FAILURES and row["day"] in since
            ),
        )
        skipped = causes.skips(self.yesterday.start, self.today.end)
        return causes.in_order([*failed, *self.strip.holds, *skipped])

    @property
    def shown_reasons(self) -> list[Cause]:
        return self.reasons[:REASONS_SHOWN]

    @property
    def hidden_reasons(self) -> int:
        return max(len(self.reasons) - REASONS_SHOWN, 0)

    # Replies -------------------------------------------------------------------------------------------------

    @cached_property
    def replies(self) -> list[Reply]:
        """Those that wait for a person, newest first; at most a hundred are looked at."""
        return replies.latest(self.now, REPLIES_COUNTED)

    @property
    def oldest_reply(self) -> datetime | None:
        return self.replies[-1].at if self.replies else None

    # Money ---------------------------------------------------------------------------------------------------

    @cached_property
    def _confirmed(self) -> list[dict[str, Any]]:
        rows = reports.conversions_by_day(self.period)
        return [row for row in rows if row["standing"] == Conversion.Standing.CONFIRMED]

    @cached_property
    def money(self) -> dict[str, Any]:
        return reports.money_of(self._confirmed, self.period)

    @cached_property
    def money_before(self) -> dict[str, Any]:
        return reports.money_of(self._confirmed, self.period.before)

    @cached_property
    def revenue(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Day by day: this period, and the one before."""
        both = (self.period, self.period.before)
        this, before = (reports.money_by_day(self._confirmed, period) for period in both)
        return this, before

    @property
    def is_quiet(self) -> bool:
        """Nothing was sent in two weeks and nothing is planned: perhaps a fresh installation."""
        return not self._attempts and not self.strip.due.total() and not self.strip.held and not self.strip.in_flight
