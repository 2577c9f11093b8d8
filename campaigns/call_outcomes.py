"""How calls ended, in words for staff."""

from campaigns.models import ContactAttempt
from retention_center.lib.channels import Channel

WORDS = {
    "answered": "answered",
    "silent": "picked up, nobody spoke",
    "voicemail": "went to voicemail",
    "dropped": "the line dropped in the middle",
    "no_answer": "nobody picked up",
    "busy": "the line was busy",
    "invalid_number": "the number cannot be called",
    "carrier_rejected": "the carrier refused it",
    "canceled": "cancelled",
    "transient": "the line failed",
    "transient_next_day": "the number's calls of that day were used up",
    "account": "the provider's account may not call",
    "config": "something at the provider is set up wrongly",
    "not_outbound": "it was no call of ours",
}


def call_outcome(attempt: ContactAttempt) -> str:
    """How the call ended; blank for what is no call, or has not ended as far as we know."""
    if attempt.channel != Channel.CALL:
        return ""
    outcome = str(attempt.result.get("outcome") or "")
    return WORDS.get(outcome, outcome)


def lasted(seconds: int) -> str:
    """ "45 s", "2 min 5 s"."""
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
