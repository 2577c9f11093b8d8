"""Whoever goes off is taken out of Instantly's campaigns, so that nothing more is sent to them there."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from campaigns.instantly import setting_up
from campaigns.instantly.setting_up import PROVIDER, NotReady
from campaigns.models import ContactAttempt
from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.instantly_api import InstantlyApi, NotThere
from leads import consent
from retention_center import jobs
from retention_center.lib import clock
from retention_center.lib.bulk import listed

JOB = "withdraw_from_instantly"
STILL_THERE = timedelta(days=90)  # nothing waits longer at Instantly
TRIES, PATIENCE = 5, 10.0  # seconds
FOR_GOOD = (consent.OPTED_OUT, consent.DO_NOT_CONTACT)
BY_HAND = "remove these people at Instantly by hand."


def withdraw_for_lead(lead_ids: Sequence[str], reason: str, now: datetime) -> int:
    """Leads went off (settings.LEAD_WENT_OFF): take them out of Instantly, soon. No planned contact of ours ends."""
    if _there(lead_ids, now).exists():
        jobs.enqueue(JOB, {"leads": list(lead_ids), "at": now.isoformat(), "reason": reason})
    return 0


def run_job(progress: jobs.Progress) -> None:
    """The job: remove each of the leads' places at Instantly; what is gone already is left alone."""
    since = datetime.fromisoformat(progress.arguments["at"])
    attempts = list(_there(progress.arguments["leads"], since).order_by("pk"))
    try:
        known = setting_up.config()
    except NotReady as refusal:
        raise jobs.Refused(str(refusal)) from refusal
    api = InstantlyApi(known)
    try:
        for number, attempt in enumerate(attempts[progress.job.done :], start=progress.job.done + 1):
            _remove(api, attempt, for_good=progress.arguments["reason"] in FOR_GOOD)
            progress.save(number, len(attempts))
    finally:
        api.close()


def _remove(api: InstantlyApi, attempt: ContactAttempt, *, for_good: bool) -> None:
    """Take the lead out; where that is refused, whoever said no is put on the block list there."""
    for number in range(1, TRIES + 1):
        try:
            return api.remove_lead(str(attempt.provider_ref))
        except NotThere:
            return None
        except (NotSent, OutcomeUnknown) as failure:
            is_final = isinstance(failure, NotSent) and failure.permanent
            if is_final and for_good and attempt.address:
                return _block(api, attempt.address)
            if number == TRIES or is_final or (isinstance(failure, NotSent) and failure.account_wide):
                raise jobs.Refused(f"{failure}; {BY_HAND}") from failure
            wait = failure.retry_after if isinstance(failure, NotSent) else None
            clock.sleep(min(wait or number, PATIENCE))
    return None


def _block(api: InstantlyApi, address: str) -> None:
    try:
        api.block(address)
    except (NotSent, OutcomeUnknown) as failure:
        raise jobs.Refused(f"{failure}; {BY_HAND}") from failure


def _there(lead_ids: Sequence[str], now: datetime) -> QuerySet[ContactAttempt]:
    ours = ContactAttempt.objects.accepted().filter(provider=PROVIDER, lead__in=listed(lead_ids))
    return ours.filter(started_at__gt=now - STILL_THERE).exclude(provider_ref=None)
