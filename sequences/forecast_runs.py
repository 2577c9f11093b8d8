"""Whom a forecast plays forward: runs whose next step is due before its end, and leads who enter by themselves."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import batched
from operator import itemgetter
from typing import Any, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, Q

from campaigns.reasons import Reason
from campaigns.rules import main_zone
from campaigns.windows import at_local
from leads.models import Lead
from sequences import condition_facts, entrants, triggers
from sequences.conditions import results_of, split
from sequences.forecast_walk import Run
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.places import first_step
from sequences.timing import after
from sequences.walks import walks

CHUNK = 1000
STATUS = SequenceStepExecution.Status
Steps = Mapping[int, list[SequenceStep]]  # by version


def steps_of(sequence: RetentionSequence) -> Steps:
    """The steps of every version, with their scripts; one query."""
    found: dict[int, list[SequenceStep]] = defaultdict(list)
    for step in sequence.steps.select_related("script__campaign"):
        found[step.version].append(step)
    return found


@dataclass
class Plan:
    """All that a forecast is about: open steps due before its end, leads who enter until then, and who just waits.

    ``later`` are open steps due only after the end, ``blocked`` those which wait until somebody acts, by reason;
    ``is_more``: there are more than were asked for.
    """

    sequence: RetentionSequence
    steps: Steps
    open_ids: list[str]
    coming: list[tuple[datetime, str]]
    later: int
    blocked: Counter[str]
    is_more: bool

    @classmethod
    def load(cls, sequence: RetentionSequence, now: datetime, end: datetime, most: int) -> Self:
        """``most`` bounds each kind of lead."""
        ids = open_ids(sequence, end, most + 1)
        coming = entering(sequence, now, end, most + 1)
        later, blocked = waiting_otherwise(sequence, end)
        is_more = max(len(ids), len(coming)) > most
        return cls(sequence, steps_of(sequence), ids[:most], coming[:most], later, blocked, is_more)

    @property
    def total(self) -> int:
        """How many are played forward."""
        return len(self.open_ids) + len(self.coming)

    @property
    def idle(self) -> int:
        """How many are in it whom nothing happens to before the end."""
        return self.later + self.blocked.total()

    def runs(self) -> Iterator[tuple[int, list[Run]]]:
        """The runs, a chunk at a time, and how many were asked for in each; some may have ended meanwhile."""
        yield from open_runs(self.open_ids, self.steps)
        yield from entering_runs(self.sequence, self.coming, self.steps)


# Who is in it ----------------------------------------------------------------------------------------------------


def open_ids(sequence: RetentionSequence, end: datetime, most: int) -> list[str]:
    """The open steps that anything may happen to before ``end``, in the order in which the processor takes them."""
    rows = SequenceStepExecution.objects.filter(
        Q(status=STATUS.PENDING) | Q(status=STATUS.SCHEDULED, due_at__lt=end), sequence=sequence
    )
    return list(rows.order_by("due_at", "pk").values_list("pk", flat=True)[:most])


def waiting_otherwise(sequence: RetentionSequence, end: datetime) -> tuple[int, Counter[str]]:
    """How many open steps are due only later, and how many wait for somebody to act, by reason; two queries."""
    rows = SequenceStepExecution.objects.scheduled().filter(sequence=sequence)
    later = rows.filter(due_at__gte=end).count()
    blocked: Counter[str] = Counter()
    counted = rows.filter(due_at=None).order_by().values_list("enrollment__status", "held_reason")
    for status, reason, count in counted.annotate(n=Count("pk")):
        is_paused = status == SequenceEnrollment.Status.PAUSED
        blocked[str(Reason.ENROLLMENT_PAUSED if is_paused else reason or Reason.WAITS_FOR_STAFF)] += count
    return later, blocked


def open_runs(ids: Sequence[str], steps: Steps) -> Iterator[tuple[int, list[Run]]]:
    """The runs of these open steps, a chunk at a time, in their order: three queries each, more with conditions."""
    by_id = {step.pk: step for of_version in steps.values() for step in of_version}
    for chunk in batched(ids, CHUNK):
        rows = SequenceStepExecution.objects.select_related("enrollment", "lead").in_bulk(chunk)
        runs = [
            Run(row, row.lead, by_id[row.step_id]) for pk in chunk if (row := rows.get(pk)) and row.step_id in by_id
        ]
        _load_past(runs)
        for run in runs:
            run.is_in_flight = run.row.status == STATUS.PENDING
        _load_converted(runs, steps)
        yield len(chunk), runs


def _load_past(runs: Sequence[Run]) -> None:
    """What each run is through with, and what came of it."""
    by_run = {(run.row.enrollment_id, run.row.run_no): run for run in runs}
    rows = SequenceStepExecution.objects.filter(enrollment__in=[run.row.enrollment_id for run in runs])
    attempt = ("contact_attempt__status", "contact_attempt__was_unsent", "contact_attempt__result")
    for enrollment_id, run_no, key, status, *came in rows.exclude(status__in=SequenceStepExecution.OPEN).values_list(
        "enrollment_id", "run_no", "step_key", "status", *attempt
    ):
        if run := by_run.get((enrollment_id, run_no)):
            run.done.add(key)
            run.results[key] = results_of(status, *came)


def _load_converted(runs: Sequence[Run], steps: Steps) -> None:
    fields = {split(one.get("field"))[0] for every in steps.values() for step in every for one in step.conditions}
    if "converted" not in fields:
        return
    buyers = condition_facts.converted_among([run.lead.pk for run in runs])
    for run in runs:
        run.converted = run.lead.pk in buyers


# Who enters ------------------------------------------------------------------------------------------------------


def entering(sequence: RetentionSequence, now: datetime, end: datetime, most: int) -> list[tuple[datetime, str]]:
    """(when, lead) of all known leads that its trigger takes before ``end``, in their order; changes nothing.

    Who has yet to come of age, or to wait for re-entry, comes when that is over; who is beyond ``entrants_per_day``
    comes on a later day of the organisation's.
    """
    if sequence.trigger_type == RetentionSequence.Trigger.MANUAL:
        return []
    found: dict[str, datetime] = {}
    for walk in walks(sequence, end):
        rows = list(walk.behind(None).values_list("pk", "created_at")[:most])
        finished = _finished(sequence, [pk for pk, _at in rows]) if walk.returns else {}
        for pk, created_at in rows:
            waits = finished[pk] + triggers.re_entry_wait(sequence) if pk in finished else now
            found.setdefault(pk, max(now, waits, _comes_of_age(sequence, created_at)))
    coming = sorted(((at, pk) for pk, at in found.items()), key=itemgetter(0))
    return _within_quota(sequence, coming, now, end)[:most]


def _comes_of_age(sequence: RetentionSequence, created_at: datetime) -> datetime:
    waits = sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION
    return created_at + triggers.min_age(sequence) if waits else created_at


def _finished(sequence: RetentionSequence, lead_ids: Sequence[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for chunk in batched(lead_ids, CHUNK):
        runs = sequence.enrollments.filter(lead__in=chunk, completed_at__isnull=False)
        found |= {lead: at for lead, at in runs.values_list("lead", "completed_at") if at}
    return found


def _within_quota(
    sequence: RetentionSequence, coming: list[tuple[datetime, str]], now: datetime, end: datetime
) -> list[tuple[datetime, str]]:
    quota = sequence.entrants_per_day
    if quota is None:
        return coming
    if quota == 0:
        return []
    zone = ZoneInfo(settings.TIME_ZONE)
    day = now.astimezone(zone).date()
    taken: Counter[date] = Counter({day: entrants.entered_today(sequence, now)})
    allowed: list[tuple[datetime, str]] = []
    for at, pk in coming:
        day = max(day, at.astimezone(zone).date())
        day += timedelta(days=taken[day] >= quota)
        enters_at = max(at, at_local(day, 0, zone))
        if enters_at >= end:
            break
        taken[day] += 1
        allowed.append((enters_at, pk))
    return allowed


def entering_runs(
    sequence: RetentionSequence, coming: Sequence[tuple[datetime, str]], steps: Steps
) -> Iterator[tuple[int, list[Run]]]:
    """New runs of the live version, not saved, a chunk at a time."""
    first = first_step(steps.get(sequence.version, ()))
    if first is None:
        return
    for chunk in batched(coming, CHUNK):
        leads = Lead.objects.in_bulk([pk for _at, pk in chunk])
        runs = [_new_run(sequence, leads[pk], first, at) for at, pk in chunk if pk in leads]
        _load_converted(runs, steps)
        yield len(chunk), runs


def _new_run(sequence: RetentionSequence, lead: Lead, first: SequenceStep, at: datetime) -> Run:
    due = after(at, first.delay_value, first.delay_unit, main_zone(lead))
    enrollment = SequenceEnrollment(sequence=sequence, lead=lead, version=sequence.version, enrolled_at=at)
    row: dict[str, Any] = {"scheduled_at": due, "due_at": max(due, at), "step_key": first.key, "run_no": 1}
    return Run(SequenceStepExecution(enrollment=enrollment, step=first, lead=lead, **row), lead, first)
