"""From decisions to intents: the message is rendered and the attempt stands, before anybody is called."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns import rendering
from campaigns.delivery.work import Intent, WorkItem
from campaigns.models import ContactAttempt
from campaigns.policy import Decision, Facts, snapshot
from campaigns.reasons import Reason
from integrations.providers.base import Message
from leads.unsubscribe import url_for
from retention_center.lib import ids

Judged = tuple[WorkItem, Facts]


def lease_and_deadline(real_now: datetime) -> tuple[datetime, datetime]:
    """(end of the lease, when the last call may begin): a call that begins in time also ends within the lease."""
    lease = timedelta(seconds=settings.LEASE_SECONDS)
    slack = lease / 10
    return real_now + lease, real_now + lease - timedelta(seconds=settings.CALL_SECONDS) - slack


def prepare(
    judged: Sequence[Judged], origin: str, now: datetime
) -> tuple[list[Intent], list[tuple[WorkItem, Decision]]]:
    """Render each message: intents not yet saved, and those whose script cannot be sent to this lead."""
    intents: list[Intent] = []
    refused: list[tuple[WorkItem, Decision]] = []
    for item, facts in judged:
        try:
            intents.append(_intent(item, facts, origin, now))
        except rendering.EmptyPlaceholder:
            refused.append((item, Decision(Reason.EMPTY_PLACEHOLDER)))
        except rendering.BadTemplate:
            refused.append((item, Decision(Reason.BAD_TEMPLATE)))
    return intents, refused


def save(intents: Sequence[Intent], real_now: datetime) -> None:
    """Insert the attempts in one statement; they commit with the claim."""
    _lease, deadline = lease_and_deadline(real_now)
    for intent in intents:
        intent.attempt.recorded_at = real_now
        intent.attempt.deadline_at = deadline
    ContactAttempt.objects.bulk_create([intent.attempt for intent in intents], batch_size=500)


def _intent(item: WorkItem, facts: Facts, origin: str, now: datetime) -> Intent:
    script = item.script
    if script is None:
        raise rendering.BadTemplate("There is no script.")  # the policy has skipped such items already
    attempt_id = ids.new_id()
    unsubscribe_url = url_for(item.lead.pk, attempt_id)
    context = rendering.context_for(
        item.lead,
        campaign=item.campaign,
        sequence_name=item.sequence_name,
        unsubscribe_url=unsubscribe_url,
        tracking_url="",
    )
    rendered = rendering.render(script, context)
    message = Message(
        key=f"{item.id}:{item.try_no}",
        attempt_id=attempt_id,
        lead_id=item.lead.pk,
        channel=item.channel,
        to=facts.address or "",
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        url=script.url,
        unsubscribe_url=unsubscribe_url,
        options=script.vapi_config,
    )
    return Intent(item, _attempt(item, facts, origin, message, now), message)


def _attempt(item: WorkItem, facts: Facts, origin: str, message: Message, now: datetime) -> ContactAttempt:
    return ContactAttempt(
        id=message.attempt_id,
        lead=item.lead,
        campaign=item.campaign,
        script=item.script,
        channel=item.channel,
        provider=facts.provider or "",
        origin=origin,
        work_id=item.id,
        try_no=item.try_no,
        idempotency_key=message.key,
        address=message.to,
        message={"subject": message.subject, "text": message.text, "html": message.html},
        policy_snapshot=snapshot(facts, now),
        local_date=now.astimezone(ZoneInfo(facts.zones.main)).date(),
        started_at=now,
    )
