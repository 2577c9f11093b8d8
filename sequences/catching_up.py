"""Catching up: staff decide about steps that wait for them. Nothing here sends; every gate is asked again later."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from campaigns.delivery.facts import share, surroundings
from campaigns.held import NO_LONGER_WAITING, NO_WINDOW, Choice, How, Plan, Released, release_places
from campaigns.models import CampaignLead
from campaigns.policy import Facts, next_turn
from campaigns.reasons import Reason
from campaigns.rules import zones_for
from leads.models import Lead
from retention_center import audit, jobs
from retention_center.audit import Actor
from retention_center.jobs import Progress
from retention_center.lib.bulk import update_rows
from retention_center.models import Job
from sequences.advancing import Finished, advance
from sequences.models import SequenceEnrollment, SequenceStepExecution

STATUS = SequenceStepExecution.Status
AT_ONCE = 200
SLICE = 500
JOB = "release_held"
DEFAULT_HOURS, MOST_HOURS = 4.0, 168.0
NOT_HELD = {"held_reason": "", "held_since": None}


def steps_of(choice: Choice) -> QuerySet[SequenceStepExecution]:
    """The chosen steps; none when only campaigns are asked for."""
    if choice.campaigns and not choice.sequences:
        return SequenceStepExecution.objects.none()
    asked = {
        "pk__in": choice.ids,
        "sequence__in": choice.sequences,
        "held_reason__in": choice.reasons,
        "step__channel__in": choice.channels,
        "lead__in": choice.leads,
    }
    return SequenceStepExecution.objects.waiting_for_staff().filter(**{k: v for k, v in asked.items() if v})


def count_of(choice: Choice) -> int:
    """How many steps and campaign contacts the choice is about."""
    return steps_of(choice).count() + choice.places().count()


def release(
    choice: Choice, how: How, *, hours: float = DEFAULT_HOURS, now: datetime, actor: Actor
) -> "tuple[Released | None, Job | None]":
    """Decide about the chosen steps and campaign contacts: at once, or as a job when they are more than ``AT_ONCE``.

    *spread* lets them come due evenly over the hours, the longest waiting first; *next_window* when each lead's
    contact hours are next open; *skip* leaves them out, and the sequence goes on. Who asks twice finds nothing left.
    """
    plan = _plan(choice, how, hours, now)
    if plan.total > AT_ONCE:
        arguments = {"choice": asdict(choice), "plan": asdict(plan) | {"start": plan.start.isoformat()}}
        return None, jobs.enqueue(
            JOB, arguments | {"actor": actor.name, "via": actor.via}, by=actor.user, total=plan.total
        )
    with transaction.atomic():
        return _release_slice(_waiting_ids(choice, plan), 0, plan, actor), None


def run_job(progress: Progress) -> None:
    """The job ``release_held``: slices in the order of waiting, each in one transaction with its progress."""
    arguments = progress.arguments
    choice = Choice(**{name: tuple(values) for name, values in arguments["choice"].items()})
    told = arguments["plan"]
    plan = Plan(How(told["how"]), datetime.fromisoformat(told["start"]), told["hours"], told["total"])
    actor = Actor(arguments["actor"], arguments["via"], progress.job.created_by)
    done, total = progress.job.done, Released(progress.result.get("changed", 0), progress.result.get("completed", 0))
    total.left_out.update(progress.result.get("leftOut", {}))
    for slice_ in batched(_waiting_ids(choice, plan), SLICE):
        with transaction.atomic():
            total.add(_release_slice(slice_, done, plan, actor))
            done += len(slice_)
            told = {"changed": total.changed, "completed": total.completed, "leftOut": dict(total.left_out)}
            progress.save(done, max(done, plan.total), **told)


def _plan(choice: Choice, how: How, hours: float, now: datetime) -> Plan:
    found = [rows.aggregate(total=Count("pk"), held=Max("held_since")) for rows in (steps_of(choice), choice.places())]
    # Nothing is released before it was held: the time that decides may have been moved ahead of ours
    start = max(now, *(one["held"] or now for one in found))
    return Plan(how, start, hours, sum(one["total"] for one in found))


def _waiting_ids(choice: Choice, plan: Plan) -> list[str]:
    """The longest waiting first; what came to wait after the decision is not part of it."""
    found: list[tuple[datetime, str]] = []
    for rows in (steps_of(choice), choice.places()):
        before: Any = rows.filter(Q(held_since=None) | Q(held_since__lte=plan.start)).order_by()
        found += before.values_list("scheduled_at", "pk")
    return [pk for _at, pk in sorted(found, key=lambda one: (one[0] or plan.start, one[1]))]


# One slice ---------------------------------------------------------------------------------------------------------


def _release_slice(ids: Sequence[str], place: int, plan: Plan, actor: Actor) -> Released:
    """Under the leads' locks, and only what still waits. ``place`` is the first one's place of the whole."""
    steps, places = SequenceStepExecution.objects.waiting_for_staff(), CampaignLead.objects.waiting_for_staff()
    picked: set[str] = set(steps.filter(pk__in=ids).values_list("lead_id", flat=True))
    picked |= set(places.filter(pk__in=ids).values_list("lead_id", flat=True))
    leads = {lead.pk: lead for lead in Lead.objects.filter(pk__in=picked).locked()}
    waiting = steps.filter(pk__in=ids, lead__in=leads).select_related(
        "enrollment__lead", "enrollment__sequence", "step"
    )
    rows = {row.pk: row for row in waiting}
    held = {row.pk: row for row in places.filter(pk__in=ids, lead__in=leads).select_related("campaign")}
    result = release_places([(place + n, held[pk]) for n, pk in enumerate(ids) if pk in held], leads, plan, actor)
    result.left_out[NO_LONGER_WAITING] += len(ids) - len(rows) - len(held)
    in_order = [(place + n, rows[pk]) for n, pk in enumerate(ids) if pk in rows]
    if plan.how == How.SKIP:
        _skip([row for _place, row in in_order], leads, plan.start, actor, result)
    else:
        _reschedule(_times(in_order, leads, plan), actor, plan.how, result)
    result.left_out = +result.left_out
    return result


Timed = list[tuple[SequenceStepExecution, datetime | None]]


def _times(in_order: Sequence[tuple[int, SequenceStepExecution]], leads: Mapping[str, Lead], plan: Plan) -> Timed:
    if plan.how == How.SPREAD:
        return [(row, plan.time_of(place)) for place, row in in_order]
    around = surroundings(list(leads.values()), plan.start)
    timed: Timed = []
    for _place, row in in_order:
        lead = leads[row.lead_id]
        rules = around.rules_for(lead.pk, row.step.channel, row.enrollment.sequence.contact_rules)
        facts = Facts(zones=zones_for(lead, rules, plan.start), rules=rules, jitter=share(row.pk))
        timed.append((row, next_turn(facts, plan.start)))
    return timed


def _reschedule(timed: Timed, actor: Actor, how: How, result: Released) -> None:
    """Due anew, and the late rule counts from then on. One whose enrollment is paused waits for that to end."""
    rows = [
        {
            "id": row.pk,
            "fence": row.fence,
            "scheduled_at": at,
            "held_until": at,
            "due_at": at if row.enrollment.status == SequenceEnrollment.Status.ACTIVE else None,
            "failures": 0 if row.held_reason == Reason.WAITS_FOR_STAFF else row.failures,
            **NOT_HELD,
        }
        for row, at in timed
        if at is not None
    ]
    ours = update_rows(SequenceStepExecution, rows, match=("fence",), bump=("fence",), status=STATUS.SCHEDULED)
    done = [(row, at) for row, at in timed if at is not None and row.pk in ours]
    result.left_out[NO_WINDOW] += sum(at is None for _row, at in timed)
    result.add(Released(len(done), 0, Counter(), *_ends([at for _row, at in done])))
    _audit(actor, [(row, {"how": str(how), "dueAt": at.isoformat()}) for row, at in done])


def _ends(times: Sequence[datetime]) -> tuple[datetime | None, datetime | None]:
    return min(times, default=None), max(times, default=None)


def _skip(
    rows: Sequence[SequenceStepExecution], leads: Mapping[str, Lead], now: datetime, actor: Actor, result: Released
) -> None:
    """Leave them out for good; each run goes on with its next step, or completes."""
    closed = [
        {
            "id": row.pk,
            "fence": row.fence,
            "status": STATUS.SKIPPED,
            "reason": str(Reason.SKIPPED_BY_STAFF),
            "executed_at": now,
            "due_at": None,
            **NOT_HELD,
        }
        for row in rows
    ]
    ours = update_rows(SequenceStepExecution, closed, match=("fence",), bump=("fence",), status=STATUS.SCHEDULED)
    mine = [row for row in rows if row.pk in ours]
    result.completed += advance([Finished(row.enrollment, leads[row.lead_id], row.step) for row in mine], now)
    result.changed += len(mine)
    _audit(actor, [(row, {"how": str(How.SKIP)}) for row in mine])


def _audit(actor: Actor, done: Sequence[tuple[SequenceStepExecution, dict[str, Any]]]) -> None:
    """In the history of each enrollment: what was held, why, and what was decided."""
    audit.record_many(
        actor,
        "decide about held step",
        [(row.enrollment, {"step": row.step_key, "heldReason": row.held_reason}, after) for row, after in done],
    )
