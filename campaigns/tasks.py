"""Scheduled work of campaigns: alarm clocks only; all that is due stands in our own rows."""

from campaigns import running
from retention_center.lib import clock


def complete_ended_campaigns() -> int:
    """Every five minutes: campaigns whose end has passed."""
    return running.complete_ended(clock.now())
