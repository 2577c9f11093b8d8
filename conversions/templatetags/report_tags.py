"""Reasons in words, for the pages of this room."""

from django import template

from campaigns.reasons import sentence_of

register = template.Library()


@register.filter
def sentence(code: str) -> str:
    """``{{ row.held_reason|sentence }}`` -> "Daily cap reached, waiting for the next day"."""
    return sentence_of(code) if code else ""
