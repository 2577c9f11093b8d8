"""What came of an attempt, in words."""

from campaigns.call_outcomes import call_outcome, lasted
from campaigns.models import ContactAttempt
from campaigns.reasons import sentence_of

FLAGS = {
    "opened": "opened",
    "clicked": "a link was clicked",
    "replied": "a reply came",
    "bounced": "it bounced",
    "unsubscribed": "the reader unsubscribed",
    "auto_replied": "an automatic reply came",
}
STANDS = {
    "PENDING": "Not handed over yet",
    "SENT": "Taken by the provider, no report yet",
    "DELIVERED": "Arrived",
    "SUCCESS": "The lead answered",
    "BOUNCED": "It came back",
    "FAILED": "It did not arrive",
    "UNKNOWN": "Sent or not is unknown",
}


def outcome(attempt: ContactAttempt) -> str:
    """How a call ended; else its reason, else what the provider reported, else what its status means."""
    if ended := call_outcome(attempt):
        told = [ended, *([lasted(attempt.duration)] if attempt.duration else [])]
        text = ", ".join(told + (["a reply came"] if attempt.result.get("replied") else []))
        return text[:1].upper() + text[1:]
    if attempt.reason:
        return sentence_of(attempt.reason)
    told = [word for flag, word in FLAGS.items() if attempt.result.get(flag)]
    if attempt.duration:
        told.append(f"{lasted(attempt.duration)} on the phone")
    return ", ".join(told).capitalize() or STANDS.get(attempt.status, "")
