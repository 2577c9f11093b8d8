"""What each status looks like: its word, its shape and its tone, once for every page.

A shape has one meaning everywhere; the word carries the meaning, shape and tone only help the eye. Beside the wire's
values stand a few that pages work out, such as a scheduled step that is HELD.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """A word in ordinary text after a 14 px shape in its tone (good, hold, bad, move, gain or idle)."""

    word: str
    shape: str
    tone: str


_DRAFT = Status("Draft", "dashed-ring", "idle")
_ACTIVE = Status("Active", "ring-dot", "good")
_PAUSED = Status("Paused", "ring-bars", "hold")
_COMPLETED = Status("Completed", "disc-tick", "good")
_OFF = Status("Off", "dashed-ring", "idle")
_CONVERTED = Status("Converted", "diamond", "gain")
_SENT = Status("Sent", "ring-arrow", "move")
_IN_FLIGHT = Status("In flight", "open-ring", "move")
_DELIVERED = Status("Delivered", "ring-tick", "good")
_FAILED = Status("Failed", "disc-cross", "bad")
_RUNNING = Status("Running", "ring-dot", "good")
_RUNNING_PAUSED = {"ACTIVE": _ACTIVE, "PAUSED": _PAUSED, "COMPLETED": _COMPLETED}
_JOB = {
    "QUEUED": Status("Queued", "ring-clock", "move"),
    "RUNNING": Status("Running", "ring-half", "move"),
    "DONE": Status("Done", "disc-tick", "good"),
    "STOPPED": Status("Stopped", "ring-slash", "idle"),
    "FAILED": _FAILED,
}

STATUSES: dict[str, dict[str, Status]] = {
    "Lead": {
        "NEW": Status("New", "ring", "move"),
        "CONTACTED": Status("Contacted", "ring-arrow", "move"),
        "IN_PROGRESS": Status("In progress", "ring-half", "move"),
        "CONVERTED": _CONVERTED,
        "DO_NOT_CONTACT": Status("Do not contact", "disc-bar", "bad"),
    },
    "Campaign": {"DRAFT": _DRAFT} | _RUNNING_PAUSED,
    "CampaignLead": {
        "PENDING": Status("Waiting", "ring", "idle"),
        "CONTACTED": Status("Contacted", "ring-arrow", "move"),
        "HELD": Status("Held", "ring-bars", "hold"),
        "COMPLETED": _COMPLETED,
    },
    "ContactAttempt": {
        "PENDING": _IN_FLIGHT,
        "SENT": _SENT,
        "DELIVERED": _DELIVERED,
        "SUCCESS": Status("Success", "disc-tick", "good"),
        "FAILED": _FAILED,
        "BOUNCED": Status("Bounced", "disc-back", "bad"),
        "UNKNOWN": Status("Unknown", "ring-question", "hold"),
    },
    "RetentionSequence": {
        "DRAFT": _DRAFT,
        "ACTIVE": _ACTIVE,
        "PAUSED": _PAUSED,
        "ARCHIVED": Status("Archived", "box", "idle"),
    },
    "SequenceStep": {"OFF": _OFF},
    "SequenceEnrollment": _RUNNING_PAUSED
    | {"CANCELLED": Status("Cancelled", "ring-slash", "idle"), "CONVERTED": _CONVERTED},
    "SequenceStepExecution": {
        "SCHEDULED": Status("Scheduled", "ring-clock", "move"),
        "HELD": Status("Held", "ring-bars", "hold"),
        "PENDING": _IN_FLIGHT,
        "SENT": _SENT,
        "DELIVERED": _DELIVERED,
        "FAILED": _FAILED,
        "SKIPPED": Status("Skipped", "ring-dash", "idle"),
    },
    "Conversion": {  # by class: the sender's own word is shown in its place
        "PENDING": Status("Pending", "diamond-outline", "gain"),
        "CONFIRMED": Status("Confirmed", "diamond", "gain"),
        "REJECTED": Status("Rejected", "diamond-slash", "idle"),
    },
    "ConversionRule": {
        "TOO_FEW": Status("Too few to judge", "dashed-ring", "idle"),
        "SUGGESTED": Status("Suggested", "ring", "move"),
        "APPLIED": Status("Applied", "ring-tick", "good"),
    },
    "ABTest": {"RUNNING": _RUNNING, "COMPLETED": _COMPLETED},
    "IntegrationConfig": {"OFF": _OFF, "ACTIVE": _ACTIVE, "PAUSED": _PAUSED},
    "Breaker": {
        "READY": Status("Ready", "ring-tick", "good"),
        "RESTING": Status("Resting", "ring-bars", "hold"),
        "TRYING": Status("Trying one", "ring-half", "move"),
    },
    "InboundEvent": {
        "WAITING": Status("Waiting", "ring-clock", "move"),
        "APPLIED": Status("Applied", "ring-tick", "good"),
        "UNMATCHED": Status("Unmatched", "ring-question", "hold"),
        "REFUSED": Status("Refused", "disc-bar", "bad"),
    },
    "Job": _JOB,
    "ImportJob": _JOB,
    "Check": {  # a rule that was looked at: the row of ticks under an answer, a checklist
        "OK": Status("Yes", "ring-tick", "good"),
        "WAIT": Status("Waits", "ring-bars", "hold"),
        "NO": Status("No", "disc-bar", "bad"),
        "SKIP": Status("Skipped", "ring-dash", "idle"),
        "FAILED": _FAILED,
        "WARN": Status("Look at this", "triangle", "hold"),
        "UNKNOWN": Status("Unknown", "ring-question", "hold"),
        "NOT_SET_UP": Status("Not set up", "dashed-ring", "idle"),
    },
}


def status_of(model: str, value: object) -> Status:
    """How the model's status is shown; a value this table does not know yet is shown as its own word."""
    wire = str(value or "").upper()
    known = STATUSES.get(model, {}).get(wire)
    return known or Status(wire.replace("_", " ").capitalize() or "None", "ring", "idle")
