"""From decisions to intents: the message is rendered and the attempt stands, before anybody is called."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings

from campaigns import rendering
from campaigns.delivery.work import Intent, WorkItem
from campaigns.models import ContactAttempt
from campaigns.policy import Decision, Facts, Zones, snapshot
from campaigns.reasons import Reason
from campaigns.windows import Rules
from integrations.providers.base import Message
from integrations.providers.registry import ActiveProviders
from integrations.providers.vapi_calls import layered
from leads.unsubscribe import Links
from retention_center.lib import ids
from retention_center.lib.bulk import Encoded, insert_rows
from retention_center.lib.channels import Channel

log = structlog.get_logger(__name__)
Judged = tuple[WorkItem, Facts]
Prepared = tuple[Intent, dict[str, Any]]  # with the attempt's row, not yet saved


def lease_and_deadline(real_now: datetime) -> tuple[datetime, datetime]:
    """(end of the lease, when the last call may begin): a call that begins in time also ends within the lease."""
    lease_until = real_now + timedelta(seconds=settings.LEASE_SECONDS)
    return lease_until, lease_until - _last_call()


def deadline_of_ended(real_now: datetime) -> datetime:
    """An attempt whose deadline is earlier belongs to a lease that has ended."""
    return real_now - _last_call()


def _last_call() -> timedelta:
    """What a call that begins at the deadline may take, and a tenth of the lease as slack."""
    return timedelta(seconds=settings.CALL_SECONDS + settings.LEASE_SECONDS / 10)


def prepare(
    judged: Sequence[Judged], origin: str, providers: ActiveProviders, now: datetime
) -> tuple[list[Prepared], list[tuple[WorkItem, Decision]]]:
    """Render each message: intents not yet saved, and those whose script cannot be sent to this lead."""
    prepared: list[Prepared] = []
    refused: list[tuple[WorkItem, Decision]] = []
    links = Links()
    for (item, facts), attempt_id in zip(judged, ids.new_ids(len(judged)), strict=True):
        try:
            message = _message(item, facts, attempt_id, providers, links)
        except rendering.EmptyPlaceholder:
            refused.append((item, Decision(Reason.EMPTY_PLACEHOLDER)))
        except rendering.BadTemplate:
            refused.append((item, Decision(Reason.BAD_TEMPLATE)))
        except Exception:  # one lead's data that nobody foresaw must not keep the others from being sent
            log.exception("item_set_aside", work=item.id)
            refused.append((item, Decision(Reason.SET_ASIDE)))
        else:
            prepared.append((Intent(item, facts.provider or "", message), _row(item, facts, message, origin, now)))
    return prepared, refused


def save(rows: Sequence[dict[str, Any]], real_now: datetime) -> None:
    """Insert the attempts in one statement; they commit with the claim."""
    _lease, deadline_at = lease_and_deadline(real_now)
    insert_rows(ContactAttempt, rows, same={"recorded_at": real_now, "deadline_at": deadline_at})


def _message(item: WorkItem, facts: Facts, attempt_id: str, providers: ActiveProviders, links: Links) -> Message:
    script = item.script
    if script is None:
        raise rendering.BadTemplate("There is no script.")  # the policy has skipped such items already
    unsubscribe_url = links.url_for(item.lead.id, attempt_id)
    context = rendering.context_for(
        item.lead,
        campaign=item.campaign,
        sequence_name=item.sequence_name,
        unsubscribe_url=unsubscribe_url,
        tracking_url=providers.tracking_url(attempt_id, item.lead.id),
    )
    rendered = rendering.render(script, context)
    return Message(
        key=f"{item.id}:{item.try_no}",
        attempt_id=attempt_id,
        lead_id=item.lead.id,
        channel=item.channel,
        to=facts.address or "",
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        url=script.url,
        unsubscribe_url=unsubscribe_url,
        work_id=item.repeats or item.id,
        options=_call_options(item) if item.channel == Channel.CALL else {},
    )


def _call_options(item: WorkItem) -> dict[str, Any]:
    """How the script wants the call, over how its campaign does."""
    of_campaign = item.campaign.meta.get("vapiConfig") if item.campaign else None
    of_script = item.script.vapi_config if item.script else None
    return layered(of_campaign or {}, of_script or {})


def _snapshot(facts: Facts, now: datetime) -> dict[str, Any] | Encoded:
    if facts.contacts:
        return snapshot(facts, now)
    return _snapshot_of_first(facts.rules, facts.zones, facts.provider, now)


@lru_cache(maxsize=256)  # whoever had no contact lately shares it with most of the batch
def _snapshot_of_first(rules: Rules, zones: Zones, provider: str | None, now: datetime) -> Encoded:
    return Encoded(json.dumps(snapshot(Facts(zones=zones, rules=rules, provider=provider), now)))


def _kept(item: WorkItem, message: Message) -> dict[str, str]:
    kept = {"subject": message.subject, "text": message.text, "html": message.html}
    return kept | {"repeats": item.repeats} if item.repeats else kept


def _row(item: WorkItem, facts: Facts, message: Message, origin: str, now: datetime) -> dict[str, Any]:
    """The attempt's own columns; what all attempts begin with are the model's defaults."""
    return {
        "id": message.attempt_id,
        "lead": item.lead.id,
        "campaign": item.campaign.id if item.campaign else None,
        "script": item.script.id if item.script else None,
        "ab_test": item.ab_test,
        "variant": item.variant,
        "channel": item.channel,
        "provider": facts.provider or "",
        "work_id": item.id,
        "try_no": item.try_no,
        "idempotency_key": message.key,
        "address": message.to,
        "message": _kept(item, message),
        "policy_snapshot": _snapshot(facts, now),
        "local_date": now.astimezone(ZoneInfo(facts.zones.main)).date(),
        "started_at": now,
        "origin": origin,
    }
