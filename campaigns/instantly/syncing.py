"""One of our campaigns as a campaign at Instantly: its schedule, its steps, its state, and what came of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.instantly import setting_up
from campaigns.instantly.setting_up import NotReady
from campaigns.models import Campaign, Script
from campaigns.plan import email_scripts
from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.instantly_api import InstantlyApi, NotThere
from retention_center import audit, jobs
from retention_center.lib import clock

MIRROR = "mirror_to_instantly"  # the job that repeats a campaign's move there
NAMED = 120  # characters of a campaign's name
A_MINUTE_MS = 60_000
FIGURES = {  # Instantly's names: ours
    "leads_count": "leads",
    "contacted_count": "contacted",
    "emails_sent_count": "sent",
    "open_count_unique": "opened",
    "link_click_count_unique": "clicked",
    "reply_count_unique": "replied",
    "reply_count_automatic": "automaticReplies",
    "bounced_count": "bounced",
    "unsubscribed_count": "unsubscribed",
    "completed_count": "completed",
}
STATES = {
    0: "Draft",
    1: "Active",
    2: "Paused",
    3: "Completed",
    4: "Running subsequences",
    -1: "Mailboxes unhealthy",
    -2: "Stopped by its bounce protection",
    -99: "Account suspended",
}


@dataclass(frozen=True, slots=True)
class Synced:
    """``is_active``: Instantly sends, in its schedule, to the leads it was given."""

    campaign_id: str
    was_created: bool
    is_active: bool


def remote_id(campaign: Campaign) -> str:
    """The campaign's id at Instantly; blank before the first sync."""
    return str(campaign.meta.get("instantlyCampaignId") or "")


@contextmanager
def opened(known: Mapping[str, Any]) -> Iterator[InstantlyApi]:
    """Instantly, for a few calls; what goes wrong is NotReady with a sentence for staff."""
    api = InstantlyApi(known)
    try:
        yield api
    except NotThere as error:
        raise NotReady(
            "Instantly does not know this campaign any more. Empty instantlyCampaignId in its meta to make a new one."
        ) from error
    except (NotSent, OutcomeUnknown) as error:
        raise NotReady(f"It did not work: {error}. Try again.") from error
    finally:
        api.close()


def check(campaign: Campaign) -> None:
    """NotReady for a campaign that does not send its e-mail by Instantly."""
    if not campaign.meta.get("instantlySync"):
        raise NotReady("This campaign does not send its e-mail by Instantly; switch that on first (instantlySync).")


def sync(campaign: Campaign, actor: audit.Actor) -> Synced:
    """Make the campaign at Instantly, or bring the one it has up to date, and let it run exactly while ours does."""
    check(campaign)
    known = setting_up.config()
    scripts = email_scripts(campaign)
    if not scripts:
        raise NotReady("The campaign has no e-mail to send: give it a script for e-mail, or an e-mail sequence.")
    body = {"sequences": [{"steps": steps(campaign, scripts)}]} | setting_up.sending(known, campaign)
    mark = f"[{campaign.pk}]"
    body["name"] = f"RC: {campaign.name[:NAMED]} {mark}"
    with opened(known) as api:
        there = remote_id(campaign) or api.campaign_marked(mark)
        if there:
            api.change_campaign(there, body)
        made = there or api.create_campaign(body)
        was_created = not remote_id(campaign)
        kept = _keep(campaign, made, actor, was_created=was_created)
        is_active = _let_run(api, campaign, kept)
    return Synced(kept, was_created, is_active)


def steps(campaign: Campaign, scripts: list[Script]) -> list[dict[str, Any]]:
    """One step for each script, saying what each lead brings along; a step's delay is the wait before the next one.

    Without a pause of the campaign's own (``delayBetweenChannels``) that is a day.
    """
    apart = int(campaign.meta.get("delayBetweenChannels") or 0)
    wait = {"delay": -(-apart // A_MINUTE_MS), "delay_unit": "minutes"} if apart else {"delay": 1, "delay_unit": "days"}
    last = {"delay": 0, "delay_unit": "days"}
    return [
        {"type": "email", "variants": [_variant(number)], **(last if number == len(scripts) else wait)}
        for number in range(1, len(scripts) + 1)
    ]


def _variant(number: int) -> dict[str, str]:
    return {"subject": f"{{{{rc_subject_{number}}}}}", "body": f"{{{{rc_body_{number}}}}}"}


def mirror_job(progress: jobs.Progress) -> None:
    """The job: our campaign was started, paused or ended, and Instantly's follows."""
    campaign = Campaign.objects.filter(pk=progress.arguments["campaign"]).first()
    if campaign is None or not remote_id(campaign):
        return
    try:
        with opened(setting_up.config()) as api:
            _let_run(api, campaign, remote_id(campaign))
    except NotReady as refusal:
        raise jobs.Refused(str(refusal)) from refusal
    progress.save(1, 1)


def mirror(campaign: Campaign) -> None:
    """Have Instantly's campaign follow ours, soon; within the transaction that moves ours."""
    if campaign.meta.get("instantlySync") and remote_id(campaign):
        jobs.enqueue(MIRROR, {"campaign": campaign.pk}, total=1)


def pull_figures(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Ask Instantly for the campaign's counts, and keep them: what is now kept."""
    if not remote_id(campaign):
        raise NotReady("This campaign is not at Instantly yet; sync it first.")
    with opened(setting_up.config()) as api:
        told = api.figures(remote_id(campaign))
    kept = {ours: _count(told.get(theirs)) for theirs, ours in FIGURES.items()}
    figures: dict[str, Any] = {"counts": kept, "at": now.isoformat()}
    if told:
        figures["state"] = STATES.get(told.get("campaign_status", 0), "")
    Campaign.objects.filter(pk=campaign.pk).update(instantly_figures=figures)
    campaign.instantly_figures = figures
    return figures


def _let_run(api: InstantlyApi, campaign: Campaign, campaign_id: str) -> bool:
    """Whether Instantly's campaign runs now: exactly while ours does."""
    if campaign.status == Campaign.Status.ACTIVE:
        api.activate(campaign_id)
        return True
    if campaign.status != Campaign.Status.DRAFT:  # a draft was never activated there
        api.pause(campaign_id)
    return False


def _keep(campaign: Campaign, made: str, actor: audit.Actor, *, was_created: bool) -> str:
    """Keep its id, unless somebody synced it meanwhile: the id that stands."""
    with transaction.atomic():
        stored = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
        kept = remote_id(stored) or made
        if not remote_id(stored):
            stored.meta = stored.meta | {"instantlyCampaignId": kept}
            Campaign.objects.filter(pk=stored.pk).update(meta=stored.meta, updated_at=clock.now())
        campaign.meta = stored.meta
        audit.record(
            actor, "sync with Instantly", campaign, after={"instantlyCampaignId": kept, "created": was_created}
        )
    return kept


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
