"""Many at once: enrolling leads that match a filter, and pausing, resuming or cancelling enrollments.

A few are done in the request; more than ``AT_ONCE`` become a job (settings.JOBS) that works in slices.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict

from campaigns.reasons import sentence_of
from leads.filters import LeadFilter
from leads.models import Lead
from retention_center import jobs
from retention_center.audit import Actor
from retention_center.jobs import Progress
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Job
from sequences import enrolling
from sequences.enrolling import ALREADY_ENROLLED, UNKNOWN_LEAD, CannotEnroll
from sequences.filters import EnrollmentFilters
from sequences.models import RetentionSequence, SequenceEnrollment

AT_ONCE = 200
SLICE = 500
CHANGE_SLICE = 100  # each has statements of its own
ENROLL, CHANGE = "enroll_leads", "change_enrollments"
WORDS = {
    ALREADY_ENROLLED: "Already in the sequence",
    UNKNOWN_LEAD: "Deleted, or no such lead",
    "not_paused": "Not paused, so there was nothing to resume",
    "not_active": "Not active, so there was nothing to pause",
    "ended": "Had left the sequence already",
}
PAUSE, RESUME, CANCEL = "pause", "resume", "cancel"
CHANGES = (PAUSE, RESUME, CANCEL)
_REFUSED = {PAUSE: "not_active", RESUME: "not_paused", CANCEL: "ended"}


class BadQuery(Exception):
    """The filter cannot be read, so nobody may be chosen by it."""


def in_words(reason: str) -> str:
    """Why a lead or an enrollment was left out."""
    return WORDS.get(reason) or sentence_of(reason)


def leads_matching(query: str) -> QuerySet[Lead]:
    """The present leads that a query string of the leads list shows; raises BadQuery."""
    filters = LeadFilter(QueryDict(query), queryset=Lead.objects.present())
    if not filters.is_valid():
        raise BadQuery("This filter cannot be read; choose the leads again.")
    return filters.qs


def enrollments_matching(sequence: RetentionSequence, query: str) -> QuerySet[SequenceEnrollment]:
    """The enrollments of the sequence that a query string of its list shows; raises BadQuery."""
    filters = EnrollmentFilters(QueryDict(query), queryset=sequence.enrollments.all())
    if not filters.is_valid():
        raise BadQuery("This filter cannot be read; choose the enrollments again.")
    return filters.qs


# Enrolling ---------------------------------------------------------------------------------------------------------


def enqueue_enrolling(sequence: RetentionSequence, *, ids: Sequence[str], query: str, total: int, by: Actor) -> Job:
    """Enroll these leads as a job; without ids everybody who matches the leads list's query now."""
    arguments = _arguments(sequence, ids, query) | {"via": by.via}
    return jobs.enqueue(ENROLL, arguments, by=by.user, total=total)


def run_job(progress: Progress) -> None:
    """The job ``enroll_leads``; ``result`` counts ``enrolled`` and, by reason, ``skipped``."""
    arguments = progress.arguments
    sequence = _sequence(arguments)

    def enroll(ids: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        source, actor = SequenceEnrollment.Source.MANUAL, _actor(progress)
        try:
            found = enrolling.enroll(sequence, ids, now=clock.now(), source=source, actor=actor)
        except CannotEnroll as refusal:
            raise jobs.Refused(str(refusal)) from refusal
        return found.enrolled, Counter(reason for _lead, reason in found.skipped)

    if arguments["ids"]:
        leads: QuerySet = Lead.objects.filter(pk__in=arguments["ids"])
    else:
        leads = _chosen(lambda: leads_matching(arguments["query"])).filter(created_at__lte=_up_to(arguments))
    _in_slices(progress, leads, "enrolled", enroll)


# Changing enrollments ----------------------------------------------------------------------------------------------


def change_all(
    enrollments: Sequence[SequenceEnrollment], change: str, *, now: datetime, actor: Actor
) -> tuple[int, dict[str, int]]:
    """Pause, resume or cancel each: how many changed, and how many did not by reason."""
    changed, skipped = 0, Counter[str]()
    for enrollment in enrollments:
        try:
            change_one(enrollment, change, now=now, actor=actor)
            changed += 1
        except RefusedTransition:
            skipped[_REFUSED[change]] += 1
    return changed, dict(skipped)


def change_one(enrollment: SequenceEnrollment, change: str, *, now: datetime, actor: Actor) -> None:
    """Pause, resume or cancel; raises RefusedTransition."""
    match change:
        case "pause":
            enrolling.pause(enrollment, actor=actor)
        case "resume":
            enrolling.resume(enrollment, actor=actor)
        case "cancel":
            enrolling.cancel(enrollment, now=now, actor=actor)


def enqueue_changing(
    sequence: RetentionSequence, change: str, *, ids: Sequence[str], query: str, total: int, by: Actor
) -> Job:
    arguments = _arguments(sequence, ids, query) | {"via": by.via, "change": change}
    return jobs.enqueue(CHANGE, arguments, by=by.user, total=total)


def change_job(progress: Progress) -> None:
    """The job ``change_enrollments``; ``result`` counts ``changed`` and, by reason, ``skipped``."""
    arguments = progress.arguments
    sequence = _sequence(arguments)

    def change(ids: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        rows = list(sequence.enrollments.select_related("lead", "sequence").filter(pk__in=ids))
        list(Lead.objects.filter(pk__in=[row.lead_id for row in rows]).locked().values_list("pk"))
        return change_all(rows, arguments["change"], now=clock.now(), actor=_actor(progress))

    if arguments["ids"]:
        rows: QuerySet = sequence.enrollments.filter(pk__in=arguments["ids"])
    else:
        # Acting takes rows out of a filter by status, so the job goes on by id and never asks twice
        rows = _chosen(lambda: enrollments_matching(sequence, arguments["query"]))
        rows = rows.filter(enrolled_at__lte=_up_to(arguments))
    _in_slices(progress, rows, "changed", change, size=CHANGE_SLICE)


# Slices ------------------------------------------------------------------------------------------------------------


def _in_slices(progress: Progress, rows: QuerySet, name: str, act: Any, size: int = SLICE) -> None:
    """Act on slices in the order of ids, each in one transaction with its progress, behind the last one committed."""
    after, done = progress.result.get("after", ""), progress.job.done
    count, skipped = progress.result.get(name, 0), Counter(progress.result.get("skipped", {}))
    ids = list(rows.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True))
    total = done + len(ids)
    for slice_ in batched(ids, size):
        with transaction.atomic():
            more, left_out = act(slice_)
            count, done = count + more, done + len(slice_)
            skipped.update(left_out)
            progress.save(done, total, **{"after": slice_[-1], name: count, "skipped": dict(skipped)})


def _arguments(sequence: RetentionSequence, ids: Sequence[str], query: str) -> dict[str, Any]:
    return {"sequence": sequence.pk, "ids": list(ids), "query": query, "upTo": clock.now().isoformat()}


def _sequence(arguments: Mapping[str, Any]) -> RetentionSequence:
    sequence = RetentionSequence.objects.filter(pk=arguments["sequence"]).first()
    if sequence is None:
        raise jobs.Refused("The sequence does not exist any more.")
    return sequence


def _chosen(matching: Any) -> QuerySet:
    try:
        return matching()
    except BadQuery as refusal:
        raise jobs.Refused(str(refusal)) from refusal


def _up_to(arguments: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(arguments["upTo"])


def _actor(progress: Progress) -> Actor:
    return Actor(str(progress.job.created_by or "job"), progress.arguments["via"], progress.job.created_by)
