"""A clock that moves only when the scheduler says so."""

from datetime import datetime, timedelta


class VirtualTime:
    """One time for everything that reads `retention_center.lib.clock`.

    ``skew`` is how far the clock of the machine that runs now is off; the database's is never.
    """

    def __init__(self, start: datetime) -> None:
        self.at = start
        self.seconds = 0.0
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return self.at + self.skew

    def db_now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=seconds))

    def advance(self, by: timedelta) -> None:
        self.at += by
        self.seconds += by.total_seconds()

    def set_back(self, by: timedelta) -> None:
        """The wall clock jumps back, as when somebody corrects it."""
        self.at -= by
