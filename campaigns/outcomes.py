"""What came of an attempt, in words."""

from campaigns.models import ContactAttempt
from campaigns.reasons import sentence_of

FLAGS = {
    "opened": "opened",
    "clicked": "a link was clicked",
    "replied": "a reply came",
    "bounced": "it bounced",
    "unsubscribed": "the reader unsubscribed",
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
    """Its reason, else what the provider reported, else what its status means."""
    if attempt.reason:
        return sentence_of(attempt.reason)
    told = [word for flag, word in FLAGS.items() if attempt.result.get(flag)]
    if attempt.duration:
        told.append(f"{attempt.duration} s on the phone")
    return ", ".join(told).capitalize() or STANDS.get(attempt.status, "")
