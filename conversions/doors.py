"""Every number is a door: the address of exactly the rows behind it. Blank where that page does not exist."""

from datetime import datetime
from urllib.parse import urlencode

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from conversions import causes
from conversions.causes import Cause
from retention_center.pages.navigation import address

ACCEPTED = ",".join(ContactAttempt.ACCEPTED)
FAILURES = ",".join(causes.FAILURES)
NEXT_MOVES: dict[str, tuple[str, str]] = {  # reason: what staff can do about it, and where
    Reason.NO_PROVIDER: ("Set up", "integrations"),
    Reason.PROVIDER_REFUSES: ("Check the provider", "integrations"),
    Reason.PROVIDER_DOWN: ("Check the provider", "integrations"),
    Reason.RATE_LIMITED: ("See the pace", "integrations"),
    Reason.NOT_HANDED_OVER: ("Check the provider", "integrations"),
    Reason.BAD_TEMPLATE: ("Correct the script", "scripts"),
    Reason.EMPTY_PLACEHOLDER: ("Add a fallback", "scripts"),
    Reason.NO_SCRIPT: ("Choose a script", "sequences"),
    Reason.STEP_OFF: ("See sequences", "sequences"),
    Reason.STEP_REMOVED: ("See sequences", "sequences"),
    Reason.QUIET_HOURS: ("See the policy", "policy"),
    Reason.CONTACT_DAY: ("See the policy", "policy"),
    Reason.HOLIDAY: ("See the policy", "policy"),
    Reason.DAILY_CAP: ("See the policy", "policy"),
    Reason.CHANNEL_GAP: ("See the policy", "policy"),
    Reason.LATE: ("Decide", "catch-up"),
    Reason.WAITS_FOR_STAFF: ("Decide", "catch-up"),
}
ROW_MOVES: dict[str, str] = {  # reason: what to do with the very rows
    Reason.NO_ADDRESS: "Add addresses",
    Reason.INVALID_ADDRESS: "Correct addresses",
    Reason.BOUNCED: "Review leads",
    Reason.OUTCOME_UNKNOWN: "Decide",
    Reason.NOT_DELIVERED: "Review leads",
}
SHAPES = {
    causes.FAILED: ("disc-cross", "bad"),
    causes.HELD: ("ring-bars", "hold"),
    causes.SKIPPED: ("ring-dash", "idle"),
}
OWN_SHAPES: dict[str, tuple[str, str]] = {
    Reason.BOUNCED: ("disc-back", "bad"),
    Reason.OUTCOME_UNKNOWN: ("ring-question", "hold"),
}


def door(route: str, **filters: object) -> str:
    """A list's address with filters; times travel with their offset, so that every reader sees the same rows."""
    href = address(route)
    query = urlencode({name: _word(value) for name, value in filters.items() if value not in (None, "")})
    return f"{href}?{query}" if href and query else href


def rows_of(cause: Cause, since: datetime, until: datetime) -> str:
    """The attempts that failed for the cause, or the steps it holds or skipped."""
    match cause.kind:
        case causes.FAILED:
            return door("attempts", status=FAILURES, reason=cause.reason, dateFrom=since, dateTo=until)
        case causes.HELD:
            return door("steps", state="held", heldReason=cause.reason)
    return door("steps", status="SKIPPED", reason=cause.reason, dateFrom=since, dateTo=until)


def next_move(cause: Cause, rows: str) -> tuple[str, str]:
    """What staff can do about the cause: its words, and where."""
    if cause.reason in NEXT_MOVES:
        words, route = NEXT_MOVES[cause.reason]
        if href := address(route):
            return words, href
    return ROW_MOVES.get(cause.reason, "See them"), rows


def shape_of(cause: Cause) -> tuple[str, str]:
    """The cause's status shape and its tone."""
    return OWN_SHAPES.get(cause.reason, SHAPES[cause.kind])


def _word(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
