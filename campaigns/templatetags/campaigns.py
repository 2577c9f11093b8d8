"""Words about attempts and reasons, for any page that shows them."""

from django import template

from campaigns.models import ContactAttempt
from campaigns.outcomes import outcome
from campaigns.reasons import sentence_of

register = template.Library()


@register.filter
def reason_sentence(code: str) -> str:
    """A stored reason code as staff read it."""
    return sentence_of(code) if code else ""


@register.filter
def attempt_outcome(attempt: ContactAttempt) -> str:
    """What came of an attempt, in words."""
    return outcome(attempt)
