"""The dashboard's figures in words, each number with the door to its rows."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from conversions import drawing
from conversions.causes import Cause
from conversions.dashboard import REPLIES_COUNTED, Today
from conversions.doors import ACCEPTED, FAILURES, door, next_move, rows_of, shape_of
from retention_center import health
from retention_center.lib.channels import Channel
from retention_center.pages import words

BEAT_WIDTH, BEAT_HEIGHT = 6, 28


def strip(today: Today) -> dict[str, Any]:
    beats = health.recent_beats(today.now)
    top = max([sent for _minute, sent in beats] + [1])
    seen = [(n * BEAT_WIDTH, max(round(sent / top * BEAT_HEIGHT, 1), 2)) for n, (_minute, sent) in enumerate(beats)]
    return {
        "today": today,
        "round": health.last_beat().first(),
        "beats": [{"x": x, "y": BEAT_HEIGHT - tall, "height": tall} for x, tall in seen],
        "beats_width": len(beats) * BEAT_WIDTH,
        "beats_told": f"Sent per minute in the last hour: {words.number(sum(sent for _minute, sent in beats))} in all",
        "strip_doors": {
            "overdue": door("steps", state="overdue"),
            "in_flight": door("steps", state="in_flight"),
            "held": door("steps", state="held"),
            "unknown": door("attempts", status="UNKNOWN", dateFrom=today.charted.start, dateTo=today.charted.end),
        },
    }


def figures(today: Today) -> list[dict[str, Any]]:
    """The six figures, each with the door to its rows."""
    strip = today.strip
    yesterday = {"dateFrom": today.yesterday.start, "dateTo": today.yesterday.end}
    since = {"dateFrom": today.yesterday.start, "dateTo": today.today.end}
    within = {"standing": "confirmed", "dateFrom": today.period.start, "dateTo": today.period.end}
    failed, tried = today.failed_since_yesterday, today.tried_since_yesterday
    due = ", ".join(f"{Channel(channel).label} {count:,}" for channel, count in strip.due.most_common() if count)
    waiting = len(today.replies)
    days, money, before = today.days, today.money, today.money_before
    more = difference(money["confirmed"] - before["confirmed"], words.number)
    richer = difference(money["revenue"] - before["revenue"], drawing.amount)
    return [
        figure("Due today", strip.due.total(), door("steps", state="due"), due or "nothing more today"),
        figure(
            "Sent yesterday",
            today.sent_yesterday,
            door("attempts", status=ACCEPTED, **yesterday),
            f"of {words.plural(today.tried_yesterday, 'attempt')}",
        ),
        figure(
            "Failed since yesterday",
            failed,
            door("attempts", status=FAILURES, **since),
            _share(failed, tried),
        ),
        figure(
            "Replies waiting",
            f"{waiting}+" if waiting == REPLIES_COUNTED else waiting,
            door("replies"),
            f"oldest {words.span(today.now - today.oldest_reply)}" if today.oldest_reply else "nobody waits",
        ),
        figure(f"Conversions, {days} days", money["confirmed"], door("conversions", **within), *more),
        figure(
            f"Confirmed revenue, {days} days",
            words.money(money["revenue"], settings.CURRENCY),
            door("conversions", **within, currency=settings.CURRENCY),
            *richer,
        ),
    ]


def figure(label: str, value: int | str, href: str, note: str, better: str = "") -> dict[str, Any]:
    shown = words.number(value) if isinstance(value, int) else value
    return {"label": label, "value": shown, "href": href, "note": note, "better": better}


def difference(change: Any, say: Callable[[Any], str]) -> tuple[str, str]:
    """(what is said plainly, what is said in green): "12 more" is green, less and equal are not."""
    if change > 0:
        return "than before", f"{say(change)} more"
    return (f"{say(-change)} less than before", "") if change < 0 else ("as before", "")


def reason_rows(causes: Iterable[Cause], since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Causes with their shape, the door to their rows, and what staff can do next."""
    rows = []
    for cause in causes:
        href = rows_of(cause, since, until)
        move, where = next_move(cause, href)
        shape, tone = shape_of(cause)
        rows.append({"cause": cause, "href": href, "move": move, "where": where, "shape": shape, "tone": tone})
    return rows


def _share(part: int, attempts: int) -> str:
    """ "of 924 attempts, 2.5 %"; of too few nothing is judged."""
    judged = words.percent(part, attempts) if attempts >= words.TOO_FEW else "too few to judge"
    return f"of {words.plural(attempts, 'attempt')}, {judged}" if attempts else "of no attempts"
