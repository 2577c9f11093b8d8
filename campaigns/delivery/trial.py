"""A test of a script, sent to the person who wrote it: no lead, no attempt, no count, and no report of it afterwards.

It is the one call that has no intent (docs/decisions/0009-test-messages.md); everything else goes by `rounds`.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from campaigns import sending
from campaigns.models import Script
from campaigns.previewing import preview
from campaigns.rendering import Rendered
from integrations import pace
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.registry import SANDBOX, ActiveProviders
from leads import suppression
from leads.identity import BadValue, clean_phone
from leads.models import Lead
from retention_center import audit
from retention_center.lib import clock, ids
from retention_center.lib.channels import Channel
from retention_center.models import AuditEvent

log = structlog.get_logger(__name__)
ACTION = "send test"
BY_US = {"smtp", "twilio", SANDBOX}  # the others send by campaigns of their own, call, or post to somebody
AN_HOUR = 10
MARK = "[Test] "


class NotTested(Exception):
    """No test went out; the text says why in one sentence."""


def send_test(script: Script, to: str, *, lead: Lead | None, now: datetime, actor: audit.Actor) -> str:
    """Send the script, filled in for ``lead`` or a made-up one, to the signed-in person: what came of it, in words.

    ``to`` is their phone number for an SMS; an e-mail goes to the address of their account and nowhere else. Call it
    outside any transaction; it may last settings.CALL_SECONDS. Raises NotTested.
    """
    address = _address(script.type, to, actor)
    _may_send(address, script.type, now, actor)
    seen = preview(script, lead)
    if seen.rendered is None or not seen.is_sendable:
        raise NotTested("It would not be sent as it stands: the preview says what is missing.")
    providers = ActiveProviders.load()
    name = providers.choose(script.type, script.provider)
    if name is None or name not in BY_US:
        raise NotTested("No provider is active that can send a test on this channel.")
    stopped = sending.standing()
    if stopped.all or script.type in stopped.channels or name in stopped.providers:
        raise NotTested("Sending is stopped.")
    with transaction.atomic():
        if not pace.take({name: 1}, providers.rates(), clock.now()).get(name):
            raise NotTested(f"{name} has no room for it right now; try again in a moment.")
        told = {"channel": str(script.type), "provider": name, "to": _masked(address)}
        audit.record(actor, ACTION, script, after=told)
    return _called(providers, name, _message(script, address, seen.rendered))


def _address(channel: str, to: str, actor: audit.Actor) -> str:
    if channel == Channel.EMAIL:
        if actor.user is None or not actor.user.email:
            raise NotTested("Your account has no e-mail address to send it to.")
        return str(actor.user.email).lower()
    if channel != Channel.SMS:
        raise NotTested("Only e-mails and SMS can be tested.")
    try:
        return clean_phone(to).e164
    except BadValue as error:
        raise NotTested(error.message) from None


def _may_send(address: str, channel: str, now: datetime, actor: audit.Actor) -> None:
    """A test is no way around what protects people: leads, opt-outs, and the patience of a phone."""
    if channel == Channel.SMS and Lead.objects.present().filter(phone=address).exists():
        raise NotTested("This number belongs to a lead; write to them from their page, under the contact policy.")
    if suppression.is_suppressed(address, channel, suppression.standing_for([address])):
        raise NotTested("This address is on the do not contact list.")
    lately = AuditEvent.objects.filter(action=ACTION, actor=actor.user, at__gt=now - timedelta(hours=1))
    if lately.count() >= AN_HOUR:
        raise NotTested(f"You have sent {AN_HOUR} tests within an hour; wait a little.")


def _message(script: Script, address: str, rendered: Rendered) -> Message:
    """Without an attempt's id, so that no report is asked for, and without a link by which anybody unsubscribes."""
    return Message(
        key=f"test-{ids.new_id()}",
        attempt_id="",
        lead_id="",
        channel=script.type,
        to=address,
        subject=MARK + rendered.subject if script.type == Channel.EMAIL else "",
        text=rendered.text,
        html=rendered.html,
    )


def _called(providers: ActiveProviders, name: str, message: Message) -> str:
    provider = providers.open(name)
    try:
        provider.send(message)
    except NotSent as refusal:
        raise NotTested(f"{name} did not take it: {refusal}") from refusal
    except OutcomeUnknown:
        return f"{name} gave no answer; it may or may not arrive at {message.to}."
    except Exception:  # an adapter's own mistake, as in `call`: nobody can tell whether it left
        log.exception("provider_raised", provider=name)
        return f"{name} failed; it may or may not arrive at {message.to}."
    finally:
        provider.close()
    if providers.is_sandbox(name):
        return "The sandbox took it; nothing really went out."
    return f"Sent to {message.to} by {name}."


def _masked(address: str) -> str:
    return address if "@" in address else f"…{address[-4:]}"
