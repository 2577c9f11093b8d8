"""A lead's attempts as its timeline tells them."""

from datetime import datetime
from typing import Any

from django.db.models import F

from campaigns.call_outcomes import call_outcome, lasted
from campaigns.models import ContactAttempt
from campaigns.reasons import sentence_of
from leads.models import Lead
from leads.timeline import CHANNEL_NAMES, CONTACT, NOT_SENT, REPLY, Event
from retention_center.pages.statuses import status_of
from retention_center.pages.words import money

STATUS = ContactAttempt.Status
SUMMARY = 200  # characters of what was said on a call


def of_lead(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    """Attempts and replies; one query."""
    attempts = lead.contact_attempts.select_related("script", "campaign")
    attempts = attempts.annotate(
        sequence_name=F("step_executions__sequence__name"), step_order=F("step_executions__step__step_order")
    )
    if before:
        attempts = attempts.filter(started_at__lt=before)
    events: list[Event] = []
    for attempt in attempts.order_by("-started_at", "-id")[: limit + 1]:
        events += as_events(attempt)
    return events


def as_events(attempt: Any) -> list[Event]:
    """The attempt, and the reply it got."""
    shown = status_of("ContactAttempt", attempt.status)
    was_not = attempt.status == STATUS.FAILED or attempt.was_unsent
    contact = Event(
        at=attempt.started_at,
        kind=NOT_SENT if was_not else CONTACT,
        what=_what(attempt),
        mark=shown.shape,
        tone=shown.tone,
        outcome=_outcome(attempt),
        detail=_detail(attempt),
        origin=_origin(attempt),
        origin_href=attempt.get_absolute_url(),
        happened=not was_not,
        object_type="attempt",
        object_id=attempt.pk,
    )
    result = attempt.result or {}
    if not result.get("replied"):
        return [contact]
    at = _time(result.get("repliedAt")) or attempt.completed_at or attempt.started_at
    channel = CHANNEL_NAMES[attempt.channel]
    text = str(result.get("reply_text", ""))[:200]
    reply = Event(
        at, REPLY, f"Replied by {channel if channel == 'SMS' else channel.lower()}", "disc-tick", "good",
        detail=f"“{text}”" if text else "", origin=_origin(attempt), origin_href=attempt.get_absolute_url(),
        object_type="attempt", object_id=attempt.pk,
    )  # fmt: skip
    return [contact, reply]


def _what(attempt: ContactAttempt) -> str:
    name = f" “{attempt.script.name}”" if attempt.script else ""
    words = {
        STATUS.SENT: "sent",
        STATUS.DELIVERED: "delivered",
        STATUS.SUCCESS: "got an answer",
        STATUS.PENDING: "in flight",
    }
    if attempt.channel == "CALL" and attempt.status == STATUS.SUCCESS:
        words[STATUS.SUCCESS] = "answered"
    if call_outcome(attempt) and attempt.status == STATUS.DELIVERED:
        words[STATUS.DELIVERED] = ""
    if attempt.channel == "EMAIL" and attempt.status == STATUS.SUCCESS and not attempt.result.get("replied"):
        words[STATUS.SUCCESS] = "clicked"
    return f"{CHANNEL_NAMES[attempt.channel]}{name} {words.get(STATUS(attempt.status), '')}".strip()


def _outcome(attempt: ContactAttempt) -> str:
    if ended := call_outcome(attempt):
        return "" if ended == "answered" else ended
    if attempt.status in {STATUS.FAILED, STATUS.BOUNCED, STATUS.UNKNOWN}:
        return attempt.get_status_display().lower()
    return ""


def _detail(attempt: ContactAttempt) -> str:
    result: dict[str, Any] = attempt.result or {}
    parts = ["Sandbox: nothing really went out"] if attempt.is_sandbox else []
    parts += [sentence_of(attempt.reason)] if attempt.reason and not call_outcome(attempt) else []
    parts += [word for word in ("opened", "clicked") if result.get(word)]
    parts += ["an automatic reply came"] if result.get("auto_replied") else []
    if attempt.duration:
        parts.append(lasted(attempt.duration))
    if attempt.cost:
        parts.append(money(attempt.cost, attempt.currency))
    text = ", ".join(parts)
    text = text[:1].upper() + text[1:]
    summary = str(result.get("summary") or "")[:SUMMARY]
    return f"{text}. {summary}" if text and summary else text or summary


def _origin(attempt: Any) -> str:
    """The sequence and step it was sent by, else the campaign, else the provider."""
    if attempt.sequence_name:
        return f"{attempt.sequence_name}, step {attempt.step_order}"
    return attempt.campaign.name if attempt.campaign else f"by hand, {attempt.provider}"


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
