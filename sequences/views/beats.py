"""The processor's last day as a row of bars, with the gaps in which it stood still."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from retention_center import health
from retention_center.pages.words import span

HOURS, BUCKET = 24, 10  # minutes in one bar
HEIGHT, LEAST = 32, 4


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    height: int


@dataclass(frozen=True)
class Gap:
    """A time in which the processor did not run; ``x`` and ``width`` in bars."""

    start: datetime
    end: datetime
    x: float
    width: float

    @property
    def length(self) -> str:
        """ "6 h 10 min"."""
        minutes = int((self.end - self.start).total_seconds()) // 60
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else span(self.end - self.start)


@dataclass(frozen=True)
class Beats:
    """``width`` and ``height`` of the drawing; ``longest`` is the gap worth a sentence."""

    start: datetime
    bars: list[Bar]
    gaps: list[Gap]
    sent: int
    width: int = HOURS * 60 // BUCKET
    height: int = HEIGHT

    @property
    def longest(self) -> Gap | None:
        return max(self.gaps, key=lambda gap: gap.end - gap.start, default=None)


def of_last_day(now: datetime) -> Beats:
    """Two queries."""
    minutes = health.recent_beats(now, HOURS * 60)
    start = minutes[0][0]
    sent = [sum(n for _at, n in minutes[i : i + BUCKET]) for i in range(0, len(minutes), BUCKET)]
    most = max(*sent, 1)
    heights = [round(LEAST + (HEIGHT - LEAST) * n / most) for n in sent]
    gaps = [_gap(stopped, back, start) for stopped, back in health.silences(start, now)]
    return Beats(start, [Bar(x, HEIGHT - height, height) for x, height in enumerate(heights)], gaps, sum(sent))


def _gap(stopped: datetime, back: datetime, start: datetime) -> Gap:
    bar = timedelta(minutes=BUCKET)
    return Gap(stopped, back, round((stopped - start) / bar, 2), round((back - stopped) / bar, 2))
