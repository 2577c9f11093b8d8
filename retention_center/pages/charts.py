"""Charts worked out on the server: bars from zero, drawn at true size, readable as a table.

``stacked`` draws one bar per label from several series; ``compared`` one bar per label with a tick for the period
before. Both give a ``Chart`` which ``{% chart drawn %}`` renders. Across, positions are shares of the width, so text
and bars keep their size on any screen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil, floor, log10

from retention_center.lib.channels import Channel
from retention_center.pages import words

CHANNEL_INKS = {Channel.EMAIL: "email", Channel.SMS: "sms", Channel.CALL: "call", Channel.WEBHOOK: "webhook"}
STEPS = (1, 2, 2.5, 4, 5, 10)
_ids = count(1)


@dataclass(frozen=True)
class Series:
    """One colour of a chart. ``ink`` is a colour class: email, sms, call, webhook, money, quiet, beat, accent."""

    name: str
    ink: str
    values: Sequence[float]


@dataclass(frozen=True)
class Piece:
    ink: str
    y: float
    height: float
    hatched: bool


@dataclass(frozen=True)
class Bar:
    """One label's bar. ``at`` is its middle in percent; ``tick`` the y of the period before."""

    label: str
    at: float
    pieces: list[Piece]
    tick: float | None
    told: str
    href: str
    is_minor: bool
    is_now: bool


@dataclass(frozen=True)
class Limit:
    y: float
    words: str


@dataclass(frozen=True)
class Chart:
    """Everything the component draws; heights in pixels, positions across in percent."""

    id: str
    title: str
    summary: str
    height: int
    grid: list[tuple[float, str]]
    bars: list[Bar]
    legend: list[tuple[str, str]]
    limit: Limit | None
    heads: list[str]
    rows: list[list[str]]
    gutter: int = field(default=48)

    @property
    def svg_height(self) -> int:
        return self.height + 32

    @property
    def label_y(self) -> int:
        return self.height + 26


def stacked(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    summary: str,
    height: int = 240,
    say: Callable[[float], str] = words.number,
    hrefs: Sequence[str] = (),
    limit: tuple[float, str] | None = None,
    now: int | None = None,
) -> Chart:
    """Bars stacked in the order of ``series``, from the bottom. ``now`` is the index of the bar not yet complete."""
    totals = [sum(one.values[i] for one in series) for i in range(len(labels))]
    top, step = _scale([*totals, limit[0] if limit else 0])
    bars = [
        _bar(i, labels, _pieces(series, i, top, height), None, hrefs, now, _told(labels[i], series, i, say))
        for i in range(len(labels))
    ]
    return Chart(
        id=f"chart-{next(_ids)}",
        title=title,
        summary=summary,
        height=height,
        grid=_grid(top, step, height, say),
        bars=bars,
        legend=[(one.name, one.ink) for one in series],
        limit=Limit(_y(limit[0], top, height), limit[1]) if limit else None,
        heads=["", *(one.name for one in series)],
        rows=[[label, *(say(one.values[i]) for one in series)] for i, label in enumerate(labels)],
    )


def compared(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    before: Sequence[float],
    *,
    names: tuple[str, str],
    summary: str,
    ink: str = "money",
    height: int = 240,
    say: Callable[[float], str] = words.number,
    hrefs: Sequence[str] = (),
) -> Chart:
    """One bar per label, with a dark tick where the period before stood. ``names``: this period, the one before."""
    top, step = _scale([*values, *before])
    one = Series(names[0], ink, values)
    bars = []
    for i, label in enumerate(labels):
        told = f"{label}: {say(values[i])}, before {say(before[i])}"
        tick = _y(before[i], top, height)
        bars.append(_bar(i, labels, _pieces([one], i, top, height), tick, hrefs, None, told))
    return Chart(
        id=f"chart-{next(_ids)}",
        title=title,
        summary=summary,
        height=height,
        grid=_grid(top, step, height, say),
        bars=bars,
        legend=[(names[0], ink), (names[1], "before")],
        limit=None,
        heads=["", *names],
        rows=[[label, say(values[i]), say(before[i])] for i, label in enumerate(labels)],
    )


def shares(parts: Sequence[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """(ink, value) as (ink, start, width) in percent of the whole: a proportion bar, nothing narrower than a hair."""
    whole = sum(value for _ink, value in parts) or 1
    start, drawn = 0.0, []
    for ink, value in parts:
        width = 100 * value / whole
        if width:
            drawn.append((ink, round(start, 3), round(max(width - 0.2, 0.2), 3)))
        start += width
    return drawn


def _pieces(series: Sequence[Series], i: int, top: float, height: int) -> list[Piece]:
    pieces: list[Piece] = []
    floor_ = float(height)
    for one in series:
        tall = height * one.values[i] / top
        if tall:
            gap = 1 if pieces and tall > 1.5 else 0  # a hair of paper between two colours
            pieces.append(Piece(one.ink, round(floor_ - tall, 2), round(tall - gap, 2), one.ink == "call"))
        floor_ -= tall
    return pieces


def _bar(
    i: int,
    labels: Sequence[str],
    pieces: list[Piece],
    tick: float | None,
    hrefs: Sequence[str],
    now: int | None,
    told: str,
) -> Bar:
    at = round(100 * (i + 0.5) / len(labels), 3)
    each = max(ceil(len(labels) / 14), 1)
    href = hrefs[i] if hrefs else ""
    return Bar(labels[i] if i % each == 0 else "", at, pieces, tick, told, href, bool(i // each % 2), i == now)


def _told(label: str, series: Sequence[Series], i: int, say: Callable[[float], str]) -> str:
    return f"{label}: " + ", ".join(f"{one.name} {say(one.values[i])}" for one in series)


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """A round top at or above every value, and the step between its four or five grid lines."""
    highest = max([*map(float, values), 0])
    if not highest:
        return 4, 1
    raw = highest / 4
    power = 10 ** floor(log10(raw))
    step = next(nice * power for nice in STEPS if nice * power >= raw * 0.999)
    if step < 1 and all(float(value).is_integer() for value in values):
        step = 1
    return step * ceil(highest / step), step


def _grid(top: float, step: float, height: int, say: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(_y(step * i, top, height), say(round(step * i, 6))) for i in range(round(top / step) + 1)]


def _y(value: float, top: float, height: int) -> float:
    return round(height * (1 - float(value) / top), 2)
