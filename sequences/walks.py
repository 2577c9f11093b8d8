"""Along which cursors a sequence finds whom it has yet to take, so that nobody is missed (INV-20).

It looks at the leads made or changed since the last look, for ``no_conversion`` also at those that came of age since,
and where re-entry is allowed also at those whose run has finished since. `leads.walking` says how a cursor moves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q, QuerySet

from leads.models import Lead
from leads.walking import behind, safe_until
from sequences.models import RetentionSequence, SequenceEnrollment
from sequences.triggers import RE_ENTRY, finished, min_age, newcomers, overlap, re_entry_wait, returning

Position = tuple[datetime, str]
Chosen = Callable[[RetentionSequence, datetime], QuerySet[Lead]]


@dataclass(frozen=True, slots=True)
class Walk:
    """Leads to take, in the order of ``column``. When nobody of them is left, the ``cursor`` may go ``until`` there.

    ``returns``: they were in the sequence before.
    """

    cursor: str
    column: str
    leads: QuerySet[Lead]
    until: datetime | None
    returns: bool = False

    def behind(self, position: Position | None) -> QuerySet[Lead]:
        leads = self.leads.order_by(self.column, "pk")
        return leads.filter(behind(self.column, position)) if position else leads

    def oldest(self, position: Position | None = None) -> datetime | None:
        """When the first one comes; empty: there is nobody."""
        return self.behind(position).values_list(self.column, flat=True).first()


def walks(sequence: RetentionSequence, now: datetime) -> Iterator[Walk]:
    """Everybody the trigger has yet to take, each at least once."""
    yield from _walks(sequence, newcomers, now, returns=False)
    if sequence.re_entry != RE_ENTRY.NEVER:
        yield from _walks(sequence, returning, now, returns=True)
        yield from _finished_since(sequence, now)


def _walks(sequence: RetentionSequence, choose: Chosen, now: datetime, *, returns: bool) -> Iterator[Walk]:
    """A cursor that stands on the last lead there is needs no walk: an idle look costs one index probe each."""
    begins, trail = sequence.enrolls_from, overlap(sequence)
    if sequence.trigger_type == RetentionSequence.Trigger.NO_CONVERSION:
        age = min_age(sequence)
        last = _last("created_at", Lead.objects.present().filter(created_at__lte=now - age))
        if last != sequence.age_cursor:
            aged = _after("created_at", sequence.age_cursor) & _after("created_at", begins and begins - age)
            leads = choose(sequence, now).filter(aged)
            yield Walk("age_cursor", "created_at", leads, safe_until(last, trail + age), returns)
    last = _last("matched_at", Lead.objects.all())
    if last != sequence.changed_cursor:
        changed = _after("matched_at", sequence.changed_cursor)
        if begins:
            changed &= Q(matched_at__gte=begins)
        leads = choose(sequence, now).filter(changed)
        yield Walk("changed_cursor", "matched_at", leads, safe_until(last, trail), returns)


def _finished_since(sequence: RetentionSequence, now: datetime) -> Iterator[Walk]:
    wait, ended = re_entry_wait(sequence), "sequence_enrollments__completed_at"
    last = _last("completed_at", finished(sequence, now))
    if last == sequence.finished_cursor:
        return
    runs = Q(sequence_enrollments__sequence=sequence)
    runs &= Q(sequence_enrollments__status=SequenceEnrollment.Status.COMPLETED)
    runs &= Q(**{f"{ended}__lt": now - wait}) & _after(ended, sequence.finished_cursor)
    leads = returning(sequence, now).filter(runs)
    yield Walk("finished_cursor", ended, leads, safe_until(last, overlap(sequence) + wait), returns=True)


def _after(column: str, moment: datetime | None) -> Q:
    return Q(**{f"{column}__gt": moment}) if moment else Q()


def _last(column: str, rows: QuerySet) -> datetime | None:
    return rows.aggregate(last=Max(column))["last"]
