"""Processes that run rounds, each as a greenlet: they stand still at seams, where all else may happen, or die."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from greenlet import greenlet

from campaigns.by_hand import MayNot

IN_A_CALL = ("begun", "net out", "accepted")


class Crash(BaseException):
    """The process dies here."""


class Planted(OperationalError):
    """The database failed, because the dice said so."""


@dataclass(slots=True)
class Worker:
    """``at`` is the seam it stands at, blank between rounds; ``skew`` is how far its machine's clock is off."""

    name: str
    skew: timedelta
    life: greenlet | None = None
    at: str = ""
    calling_since: datetime | None = None

    def start(self, work: Callable[[], Any], now: datetime) -> None:
        self.life = greenlet(lambda: _survive(work))
        self.go_on(now)

    def go_on(self, now: datetime) -> None:
        """To the next seam, or to the end of the round."""
        assert self.life is not None
        at = self.life.switch()
        if self.life.dead:
            self.life, at = None, ""
        self.at = at
        if at not in IN_A_CALL:
            self.calling_since = None
        elif self.calling_since is None:
            self.calling_since = now

    def die(self) -> None:
        if self.life is not None and not self.life.dead:
            with suppress(Crash):
                self.life.throw(Crash)
        self.life, self.at, self.calling_since = None, "", None


def _survive(work: Callable[[], Any]) -> None:
    """A round that the database broke off is over; the next one sees what is left."""
    with suppress(Planted, MayNot):
        work()
