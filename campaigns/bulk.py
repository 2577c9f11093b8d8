"""The job that puts many leads into a campaign, slice by slice."""

from django.db import transaction
from django.http import QueryDict

from campaigns import assigning
from campaigns.models import Campaign
from leads.filters import LeadFilter
from leads.models import Lead
from retention_center import audit, jobs
from retention_center.lib import clock


def run_job(progress: jobs.Progress) -> None:
    """Assign all leads that match ``query`` to ``campaign``; taken up again after a kill, it finds who is left."""
    campaign = Campaign.objects.filter(pk=progress.arguments["campaign"]).first()
    if campaign is None:
        raise jobs.Refused("The campaign was deleted.")
    rows = Lead.objects.present().exclude(campaign_leads__campaign=campaign)
    rows = LeadFilter(QueryDict(progress.arguments["query"]), queryset=rows).qs
    by = progress.job.created_by
    actor = audit.Actor(str(by or "somebody who left"), "page", by)
    done, last = progress.job.done, ""
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[: assigning.SLICE]):
        with transaction.atomic():
            done += assigning.assign(campaign, ids, clock.now(), actor).assigned
            progress.save(done, assigned=done)
        last = ids[-1]
