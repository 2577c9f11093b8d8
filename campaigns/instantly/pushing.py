"""Handing a campaign's leads to Instantly: each once, in batches, with our texts rendered for them.

As everywhere an attempt stands before Instantly is called. Its bulk call may be repeated, and says by place in the
batch whom it took; whoever it does not name is looked up by the attempt they were added for before they count as
refused. What a lost answer leaves unknown is looked up by the next push, and only what is certainly absent goes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.delivery.claiming import lock_all
from campaigns.instantly import push_records, setting_up, syncing
from campaigns.instantly.push_records import Handed, Push
from campaigns.instantly.setting_up import PROVIDER, NotReady
from campaigns.models import Campaign, CampaignLead, SendingPause
from campaigns.plan import email_scripts
from campaigns.reasons import Effect, Reason
from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.instantly import lead_of
from integrations.providers.instantly_api import AT_ONCE, InstantlyApi
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center import audit, jobs
from retention_center.lib import clock
from retention_center.models import Job, User

JOB = "push_leads_to_instantly"
OPEN = (Job.Status.QUEUED, Job.Status.RUNNING)
FINAL = (Reason.NOT_ADDED, Reason.SAME_SCRIPT)  # not sent, and never tried again
ENDED = [str(reason) for reason in Reason if reason.effect == Effect.STOP and reason != Reason.NOTHING_LEFT]
TRIES, PATIENCE = 5, 10.0  # after a 429; seconds
RETRY_FAILED = timedelta(hours=1)


@dataclass(slots=True)
class Count:
    """What a push has done so far."""

    pushed: int = 0
    refused: int = 0
    left_out: int = 0


def waiting(campaign: Campaign) -> QuerySet[CampaignLead]:
    """The places whose leads are still to be handed over; opt-outs by address are looked at when it is done."""
    handed = push_records.attempts_of(campaign).filter(lead=OuterRef("lead"))
    handed = handed.filter(Q(was_unsent=False) | Q(reason__in=FINAL))
    places = campaign.campaign_leads.exclude(status=CampaignLead.Status.COMPLETED, reason__in=ENDED)
    reachable = places.filter(lead__deleted_at=None, lead__email__isnull=False)
    return reachable.exclude(lead__status=Lead.Status.DO_NOT_CONTACT).exclude(Exists(handed))


def push(campaign: Campaign, *, by: User | None, actor: audit.Actor) -> Job:
    """Hand over everybody who is still to be: the job that does it, or the one already at it. NotReady says why not."""
    _ready(campaign)
    with transaction.atomic():
        Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        if running := _jobs(campaign).filter(status__in=OPEN).first():
            return running
        total = waiting(campaign).count()
        audit.record(actor, "push leads to Instantly", campaign, after={"leads": total})
        return jobs.enqueue(JOB, {"campaign": campaign.pk}, by=by, total=total)


def latest(campaign: Campaign) -> Job | None:
    """The last push there was, or the one at work."""
    return _jobs(campaign).order_by("-created_at").first()


def stop(campaign: Campaign, actor: audit.Actor) -> bool:
    """Ask the push at work to stop after its present batch; False when there is none."""
    job = latest(campaign)
    with transaction.atomic():
        if job is None or not jobs.request_stop(job):
            return False
        audit.record(actor, "stop pushing leads", campaign)
    return True


def push_newcomers(now: datetime) -> int:
    """For campaigns whose leads were pushed before: push who was assigned since. How many pushes began."""
    synced = Campaign.objects.running(now).filter(meta__instantlySync=True)
    return sum(_push_newcomers(campaign) for campaign in synced.order_by("pk") if syncing.remote_id(campaign))


def _push_newcomers(campaign: Campaign) -> bool:
    last = latest(campaign)
    if last is None or last.status in OPEN:
        return False
    failed = last.status == Job.Status.FAILED and last.created_at < clock.now() - RETRY_FAILED
    left = waiting(campaign) if failed else waiting(campaign).filter(assigned_at__gt=last.created_at)
    if not left.exists() and not push_records.ripe(campaign, clock.now()).exists():
        return False
    try:
        push(campaign, by=None, actor=audit.SYSTEM)
    except NotReady:
        return False
    return True


def run_job(progress: jobs.Progress) -> None:
    """The job: batch by batch, in the order of places; taken up again after a kill it finds who is left."""
    campaign = Campaign.objects.filter(pk=progress.arguments["campaign"]).first()
    if campaign is None:
        raise jobs.Refused("The campaign was deleted.")
    count, after = Count(**progress.result.get("counts", {})), progress.result.get("after", "")
    try:
        known = _ready(campaign)
        api = InstantlyApi(known)
        try:
            push_records.settle_left(api, campaign, clock.now())
            while places := list(waiting(campaign).filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
                _push_batch(api, campaign, places, count)
                after = places[-1].pk
                _save(progress, count, after)
        finally:
            api.close()
    except NotReady as refusal:
        raise jobs.Refused(str(refusal)) from refusal


def _save(progress: jobs.Progress, count: Count, after: str) -> None:
    counts = {"pushed": count.pushed, "refused": count.refused, "left_out": count.left_out}
    with transaction.atomic():
        progress.save(sum(counts.values()), counts=counts, after=after)


def _push_batch(api: InstantlyApi, campaign: Campaign, places: Sequence[CampaignLead], count: Count) -> None:
    with transaction.atomic():
        lock_all([place.lead_id for place in places])
        if _is_stopped():
            raise NotReady("Sending is stopped; nobody is handed to Instantly until it goes on.")
        still = waiting(campaign).filter(pk__in=[place.pk for place in places]).select_related("lead")
        handed = push_records.intend(_push(campaign), [place.lead for place in still.order_by("pk")], clock.now())
    count.left_out += len(places) - len(handed)
    if not handed:
        return
    answer = _add(api, campaign, handed)
    taken = push_records.taken(api, syncing.remote_id(campaign), handed, answer)
    push_records.record(handed, taken, answer, clock.now())
    count.pushed += len(taken)
    count.refused += len(handed) - len(taken)


def _push(campaign: Campaign) -> Push:
    return Push(campaign, email_scripts(campaign), ActiveProviders.load())


def _add(api: InstantlyApi, campaign: Campaign, handed: Sequence[Handed]) -> dict[str, Any]:
    """Instantly's answer to the batch; NotReady when there is none, with the attempts left as what is known of them."""
    leads = [_as_lead(one) for one in handed]
    for number in range(1, TRIES + 1):
        try:
            return api.add_leads(syncing.remote_id(campaign), leads)
        except NotSent as refusal:
            if refusal.retry_after is None or number == TRIES:
                push_records.not_sent(handed, refusal, clock.now())
                raise NotReady(f"{refusal}. Nobody of the last batch was handed over; push again.") from refusal
            clock.sleep(min(max(refusal.retry_after, 2.0 ** (number - 1)), PATIENCE))
        except OutcomeUnknown as silence:
            push_records.unknown(handed)
            raise NotReady(
                "Instantly did not answer. Whom it took of the last batch is looked up by the next push."
            ) from silence
    raise AssertionError


def _as_lead(one: Handed) -> dict[str, Any]:
    lead = one.lead
    named = {"first_name": lead.first_name, "last_name": lead.last_name, "phone": lead.phone or ""}
    return lead_of(one.address, one.attempt_id, one.variables, **named)


def _ready(campaign: Campaign) -> Any:
    """Instantly's config; NotReady for what stands in the way of handing anybody over."""
    syncing.check(campaign)
    known = setting_up.config()
    if not syncing.remote_id(campaign):
        raise NotReady("This campaign is not at Instantly yet; sync it first.")
    if campaign.status == Campaign.Status.COMPLETED:
        raise NotReady("A completed campaign contacts nobody any more.")
    if not email_scripts(campaign):
        raise NotReady("The campaign has no e-mail to send: give it a script for e-mail, or an e-mail sequence.")
    if _is_stopped():
        raise NotReady("Sending is stopped; nobody is handed to Instantly until it goes on.")
    return known


def _is_stopped() -> bool:
    return SendingPause.objects.filter(Q(scope="all") | Q(target__in=["EMAIL", PROVIDER])).exists()


def _jobs(campaign: Campaign) -> QuerySet[Job]:
    return Job.objects.filter(kind=JOB, arguments__campaign=campaign.pk)
