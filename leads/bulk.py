"""The same change for many leads: at once for a few, as a job with progress for more."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.module_loading import import_string

from leads import consent, removing
from leads.filters import LeadFilter
from leads.intake import Conflict
from leads.models import Lead
from retention_center import jobs
from retention_center.audit import Actor
from retention_center.jobs import Progress
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Job

SLICE = 500
AT_ONCE = 200  # more leads than this become a job
KIND = "change_leads"
STATUS, STOP, DELETE, RESTORE = "status", "do_not_contact", "delete", "restore"

Result = tuple[int, dict[str, int]]  # how many changed, and how many were left out by reason


def act(action: str, target: str, lead_ids: Sequence[str], *, now: datetime, actor: Actor) -> Result:
    """Do one action to these leads. ``target`` is the status, campaign or sequence."""
    if action in settings.LEAD_ACTIONS:
        return import_string(settings.LEAD_ACTIONS[action][1])(target, lead_ids, now=now, actor=actor)
    if action == DELETE:
        present = Lead.objects.present().filter(pk__in=lead_ids).count()
        removing.delete_all(lead_ids, actor=actor, now=now)
        return present, _left_out("deleted already", len(lead_ids) - present)
    if action == RESTORE:
        return _restore(lead_ids, now, actor)
    if action == STOP or target == Lead.Status.DO_NOT_CONTACT:
        newly = Lead.objects.contactable().filter(pk__in=lead_ids).count()
        consent.do_not_contact_all(lead_ids, now=now, actor=actor)
        return newly, _left_out("already marked", len(lead_ids) - newly)
    return _set_statuses(target, lead_ids, now, actor)


def _left_out(reason: str, count: int) -> dict[str, int]:
    return {reason: count} if count else {}


def _set_statuses(status: str, lead_ids: Sequence[str], now: datetime, actor: Actor) -> Result:
    changed, skipped = 0, Counter[str]()
    for lead in Lead.objects.present().filter(pk__in=lead_ids).order_by("pk"):
        if lead.status == status:
            skipped["already so"] += 1
            continue
        try:
            consent.set_status(lead, status, actor=actor, now=now)
            changed += 1
        except RefusedTransition:
            skipped["bought, and stay converted"] += 1
    return changed, dict(skipped)


def _restore(lead_ids: Sequence[str], now: datetime, actor: Actor) -> Result:
    changed, skipped = 0, Counter[str]()
    for lead in Lead.objects.filter(pk__in=lead_ids).order_by("pk"):
        try:
            removing.restore(lead, actor=actor, now=now)
            changed += 1
        except Conflict:
            skipped["whose address another lead has now"] += 1
        except RefusedTransition:
            skipped["erased already"] += 1
    return changed, dict(skipped)


def enqueue(action: str, target: str, *, ids: Sequence[str], query: str, total: int, actor: Actor) -> Job:
    """The same as a job, over the ids, or over everything that the list's query matches when there are none."""
    arguments = {"action": action, "target": target, "ids": list(ids), "query": query, "upTo": clock.now().isoformat()}
    return jobs.enqueue(KIND, arguments | {"via": actor.via}, by=actor.user, total=total)


def run_job(progress: Progress) -> None:
    """The job ``change_leads``: slice by slice in the order of ids, taken up behind the last slice committed."""
    arguments = progress.arguments
    actor = Actor(str(progress.job.created_by or "job"), arguments["via"], progress.job.created_by)
    todo = _todo(arguments)
    after, done = progress.result.get("after", ""), progress.job.done
    changed, skipped = progress.result.get("changed", 0), Counter(progress.result.get("skipped", {}))
    ids = list(todo.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True))
    for slice_ in batched(ids, SLICE):
        with transaction.atomic():
            more, left_out = act(arguments["action"], arguments["target"], slice_, now=clock.now(), actor=actor)
            changed, done = changed + more, done + len(slice_)
            skipped.update(left_out)
            progress.save(done, done + len(ids), after=slice_[-1], changed=changed, skipped=dict(skipped))
        ids = ids[len(slice_) :]


def _todo(arguments: dict[str, Any]) -> QuerySet[Lead]:
    leads = Lead.objects.deleted() if arguments["action"] == RESTORE else Lead.objects.present()
    if arguments["ids"]:
        return leads.filter(pk__in=arguments["ids"])
    everybody = leads.filter(created_at__lte=datetime.fromisoformat(arguments["upTo"]))
    return LeadFilter(QueryDict(arguments["query"]), queryset=everybody).qs
