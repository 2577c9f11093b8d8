"""Scheduled work of campaigns: alarm clocks only; all that is due stands in our own rows."""

from campaigns import polling, running
from retention_center.lib import clock


def complete_ended_campaigns() -> int:
    """Every five minutes: campaigns whose end has passed."""
    return running.complete_ended(clock.now())


def ask_providers() -> int:
    """Every ten minutes: what became of messages that nobody reported on, and what they cost."""
    return polling.ask(clock.now())
