"""Scheduled work of campaigns: alarm clocks only; all that is due stands in our own rows."""

from campaigns import polling, running
from campaigns.instantly import pushing, scripts
from retention_center.lib import clock


def complete_ended_campaigns() -> int:
    """Every five minutes: campaigns whose end has passed."""
    return running.complete_ended(clock.now())


def ask_providers() -> int:
    """Every ten minutes: what became of messages that nobody reported on, and what they cost."""
    return polling.ask(clock.now())


def push_newcomers_to_instantly() -> int:
    """Every five minutes: leads that joined a campaign whose e-mail is Instantly's."""
    return pushing.push_newcomers(clock.now())


def refresh_instantly() -> int:
    """Nightly: mailboxes and contact hours, as they are now, for the campaigns that send scripts at Instantly."""
    return scripts.refresh()
