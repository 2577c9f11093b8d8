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


def outcome(attempt: ContactAttempt) -> str:
    """Its reason, else what the provider reported; blank when nothing is known yet."""
    if attempt.reason:
        return sentence_of(attempt.reason)
    told = [word for flag, word in FLAGS.items() if attempt.result.get(flag)]
    if attempt.duration:
        told.append(f"{attempt.duration} s on the phone")
    return ", ".join(told).capitalize()
