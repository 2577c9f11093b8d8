"""The attempts behind a push: written before Instantly is called, and told what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from campaigns import rendering
from campaigns.delivery.claiming import lock_all
from campaigns.delivery.facts import is_barred
from campaigns.delivery.record import raised
from campaigns.instantly.setting_up import PROVIDER
from campaigns.instantly.syncing import remote_id
from campaigns.models import Campaign, CampaignLead, ContactAttempt, Script
from campaigns.reasons import Reason
from campaigns.rules import main_zone
from integrations.providers.base import NotSent
from integrations.providers.instantly import COUNTERS, attempt_of, variables_of
from integrations.providers.instantly_api import PAGE, InstantlyApi
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from leads.suppression import addresses_of, standing_for
from leads.unsubscribe import url_for
from retention_center.lib import clock, ids
from retention_center.lib.bulk import listed
from retention_center.lib.channels import Channel

STATUS = ContactAttempt.Status
ORIGIN = ContactAttempt.Origin.CAMPAIGN
WORK = "instantly"


@dataclass(frozen=True, slots=True)
class Push:
    """What all leads of one push get: the campaign's e-mails in order."""

    campaign: Campaign
    scripts: Sequence[Script]
    providers: ActiveProviders


@dataclass(frozen=True, slots=True)
class Handed:
    """One lead on its way, with the attempt that stands for it and what its e-mails will say."""

    lead: Lead
    address: str
    attempt_id: str
    variables: Mapping[str, str]


def attempts_of(campaign: Campaign) -> QuerySet[ContactAttempt]:
    """Every lead of the campaign that was ever meant for Instantly."""
    return ContactAttempt.objects.filter(campaign=campaign, origin=ORIGIN, provider=PROVIDER)


def intend(push: Push, leads: Sequence[Lead], now: datetime) -> list[Handed]:
    """Write an attempt for each lead that may be contacted and whose texts can be filled in; its lead is locked."""
    standing = standing_for(address for lead in leads for address in addresses_of(lead))
    tries = _tries(push.campaign, leads)
    handed: list[Handed] = []
    rows: list[ContactAttempt] = []
    for lead in leads:
        if is_barred(lead, Channel.EMAIL, standing):
            continue
        attempt_id = ids.new_id()
        try:
            texts = _render(push, lead, attempt_id)
        except (rendering.EmptyPlaceholder, rendering.BadTemplate):
            continue
        rows.append(_row(push, lead, attempt_id, texts[0], tries.get(_work_id(push.campaign, lead), 0) + 1, now))
        variables: dict[str, str] = {}
        for number, text in enumerate(texts, start=1):
            variables |= variables_of(text.subject, text.html or text.text, f"_{number}")
        handed.append(Handed(lead, lead.email or "", attempt_id, variables))
    ContactAttempt.objects.bulk_create(rows)
    return handed


def taken(api: InstantlyApi, campaign_id: str, handed: Sequence[Handed], answer: Mapping[str, Any]) -> dict[str, str]:
    """Instantly's id of each attempt it took: by the answer's places, else by looking the lead up."""
    found: dict[str, str] = {}
    for created in answer["created_leads"]:
        place = created.get("index") if isinstance(created, dict) else None
        if isinstance(place, int) and 0 <= place < len(handed) and created.get("id"):
            found[handed[place].attempt_id] = str(created["id"])
    missing = {one.attempt_id: one.address for one in handed if one.attempt_id not in found}
    return found | looked_up(api, campaign_id, missing)


def looked_up(api: InstantlyApi, campaign_id: str, missing: Mapping[str, str]) -> dict[str, str]:
    """Of these attempts (with their addresses) those that Instantly has, with its ids."""
    found: dict[str, str] = {}
    for addresses in batched(missing.values(), PAGE):
        for lead in api.leads_with(addresses, campaign_id):
            if attempt_of(lead) in missing and lead.get("id"):
                found[attempt_of(lead)] = str(lead["id"])
    return found


def record(handed: Sequence[Handed], references: Mapping[str, str], answer: Mapping[str, Any], now: datetime) -> None:
    """Whoever was taken counts as contacted; of the others the answer has only counters."""
    counters = {name: answer[name] for name in COUNTERS if answer.get(name)}
    with transaction.atomic():
        attempts = _locked([one.attempt_id for one in handed])
        for attempt in attempts.values():
            if attempt.pk in references:
                attempt.status = raised(attempt.status, STATUS.SENT)
                attempt.provider_ref = attempt.provider_ref or references[attempt.pk]
            else:
                _refuse(attempt, Reason.NOT_ADDED, now, {"reason": "not_added", "counters": counters})
        _save(attempts.values())
        _contacted([attempts[key] for key in references if key in attempts])


def not_sent(handed: Sequence[Handed], refusal: NotSent, now: datetime) -> None:
    """The whole batch was refused: certainly nobody of it was taken."""
    reason = Reason.RATE_LIMITED if refusal.retry_after is not None else Reason.PROVIDER_REFUSES
    with transaction.atomic():
        attempts = _locked([one.attempt_id for one in handed])
        for attempt in attempts.values():
            _refuse(attempt, reason, now, {"error": str(refusal)[:255]})
        _save(attempts.values())


def unknown(handed: Sequence[Handed]) -> None:
    """No answer came: what came of these is looked up by the next push."""
    ours = ContactAttempt.objects.filter(pk__in=listed([one.attempt_id for one in handed]), status=STATUS.PENDING)
    ours.update(status=STATUS.UNKNOWN, reason=str(Reason.OUTCOME_UNKNOWN))


def ripe(campaign: Campaign, real_now: datetime) -> QuerySet[ContactAttempt]:
    """Attempts of which nobody knows what came, and of which nothing can be on its way any more."""
    settled = timedelta(seconds=settings.CALL_SECONDS + settings.SETTLE_SECONDS)
    open_ones = attempts_of(campaign).filter(status__in=[STATUS.PENDING, STATUS.UNKNOWN])
    return open_ones.filter(work_id__startswith=f"{WORK}:", called_at__lt=real_now - settled)


def settle_left(api: InstantlyApi, campaign: Campaign, now: datetime) -> None:
    """Look up what an earlier push left unknown: who is there was pushed, who is certainly not may be pushed again."""
    left = dict(ripe(campaign, clock.now()).values_list("pk", "address"))
    for slice_ in batched(left.items(), PAGE):
        missing = dict(slice_)
        found = looked_up(api, remote_id(campaign), missing)
        with transaction.atomic():
            attempts = _locked(list(missing))
            for attempt in attempts.values():
                if attempt.pk in found:
                    attempt.status, attempt.reason = raised(attempt.status, STATUS.SENT), ""
                    attempt.provider_ref = attempt.provider_ref or found[attempt.pk]
                elif attempt.status in {STATUS.PENDING, STATUS.UNKNOWN}:
                    _refuse(attempt, Reason.NOT_CALLED, now, {})
            _save(attempts.values())
            _contacted([attempts[key] for key in found if key in attempts])


def _render(push: Push, lead: Lead, attempt_id: str) -> list[rendering.Rendered]:
    context = rendering.context_for(
        lead,
        campaign=push.campaign,
        unsubscribe_url=url_for(lead.pk, attempt_id),
        tracking_url=push.providers.tracking_url(attempt_id, lead.pk),
    )
    return [rendering.render(script, context) for script in push.scripts]


def _row(
    push: Push, lead: Lead, attempt_id: str, text: rendering.Rendered, try_no: int, now: datetime
) -> ContactAttempt:
    work_id = _work_id(push.campaign, lead)
    return ContactAttempt(
        id=attempt_id,
        lead=lead,
        campaign=push.campaign,
        script=push.scripts[0],
        channel=Channel.EMAIL,
        provider=PROVIDER,
        origin=ORIGIN,
        work_id=work_id,
        try_no=try_no,
        idempotency_key=f"{work_id}:{try_no}",
        address=lead.email or "",
        message={"subject": text.subject, "text": text.text, "html": text.html},
        local_date=now.astimezone(main_zone(lead)).date(),
        started_at=now,
        called_at=clock.now(),  # the call follows at once: from here on something may be on its way
    )


def _work_id(campaign: Campaign, lead: Lead) -> str:
    return f"{WORK}:{campaign.pk}:{lead.pk}"


def _tries(campaign: Campaign, leads: Sequence[Lead]) -> dict[str, int]:
    works = listed([_work_id(campaign, lead) for lead in leads])
    before = ContactAttempt.objects.filter(origin=ORIGIN, work_id__in=works).order_by("try_no")
    return dict(before.values_list("work_id", "try_no"))


def _locked(attempt_ids: Sequence[str]) -> dict[str, ContactAttempt]:
    """The attempts, their leads locked before them, in the one order."""
    rows = ContactAttempt.objects.filter(pk__in=listed(attempt_ids))
    lock_all([lead_id for lead_id in rows.values_list("lead_id", flat=True) if lead_id])
    return {attempt.pk: attempt for attempt in rows.order_by("pk").select_for_update(of=("self",))}


def _refuse(attempt: ContactAttempt, reason: Reason, now: datetime, facts: Mapping[str, Any]) -> None:
    if attempt.status not in {STATUS.PENDING, STATUS.UNKNOWN}:
        return  # a report came first, and knows better
    attempt.status, attempt.reason, attempt.was_unsent = STATUS.FAILED, str(reason), True
    attempt.completed_at = now
    attempt.result = attempt.result | dict(facts)


def _save(attempts: Any) -> None:
    columns = ["status", "provider_ref", "reason", "was_unsent", "completed_at", "result"]
    ContactAttempt.objects.bulk_update(attempts, columns, batch_size=200)


def _contacted(attempts: Sequence[ContactAttempt]) -> None:
    """Their leads were contacted, and their places say so."""
    at, leads = clock.now(), [attempt.lead_id for attempt in attempts if attempt.lead_id]
    fresh = Lead.objects.filter(pk__in=listed(leads), status=Lead.Status.NEW)
    fresh.update(status=Lead.Status.CONTACTED, matched_at=at, updated_at=at)
    for campaign_id in {attempt.campaign_id for attempt in attempts}:
        places = CampaignLead.objects.filter(campaign=campaign_id, lead__in=listed(leads))
        places.filter(status=CampaignLead.Status.PENDING).update(status=CampaignLead.Status.CONTACTED, updated_at=at)
