"""A clock that moves only when the scheduler says so."""

from datetime import datetime, timedelta


class VirtualTime:
    """One time for everything that reads `retention_center.lib.clock`."""

    def __init__(self, start: datetime) -> None:
        self.start = self.at = start

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - self.start).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def advance(self, by: timedelta) -> None:
        self.at += by
