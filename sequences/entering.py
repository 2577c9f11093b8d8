"""Many who were never in a sequence enter it at once, in a few statements however many they are.

The leads are locked as they are chosen, and whoever is locked by somebody else is passed over for now: a lead that
goes off meanwhile is either seen as it then stands, or waits for us and is taken out again by whoever took it off.
"""

from collections import defaultdict
from datetime import datetime

from django.db.models import QuerySet

from campaigns.rules import main_zone
from leads.models import Lead
from retention_center.lib import clock, ids
from retention_center.lib.inserting import block, insert_selected
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.models.enrollment import SequenceEnrollmentQuerySet
from sequences.timing import after


def enter(
    sequence: RetentionSequence, first: SequenceStep, leads: QuerySet[Lead], now: datetime
) -> SequenceEnrollmentQuerySet:
    """Enroll the leads, in their order, by the sequence's trigger: the new enrollments, in that order of their ids.

    Within the caller's transaction. ``leads`` have a limit; those who have a row in the sequence are left out.
    """
    prefix = ids.new_prefix()
    insert_selected(
        SequenceEnrollment,
        prefix,
        leads.select_for_update(of=("self",), skip_locked=True, no_key=True).values("id"),
        picked={"lead": "id"},
        once=("sequence", "lead"),
        sequence=sequence.pk,
        version=sequence.version,
        source=SequenceEnrollment.Source.TRIGGER,
        enrolled_at=now,
        updated_at=clock.now(),
    )
    entered = SequenceEnrollment.objects.filter(pk__range=block(prefix)).order_by("pk")
    _schedule(entered, first, now)
    return entered


def _schedule(entered: SequenceEnrollmentQuerySet, step: SequenceStep, now: datetime) -> None:
    """Each one's first step begins to wait, as `advancing.schedule` would have it."""
    (due, _zones), *others = _due_times(entered, step, now)
    insert_selected(
        SequenceStepExecution,
        ids.new_prefix(),
        entered.values("id", "lead_id"),
        picked={"enrollment": "id", "lead": "lead_id"},
        sequence=step.sequence_id,
        step=step.pk,
        step_key=step.key,
        run_no=1,
        scheduled_at=due,
        due_at=due,
    )
    for due, zones in others:
        for time_zone, phone_zones in zones:
            there = Lead.objects.filter(time_zone=time_zone, phone_zones=phone_zones).values("pk")
            waiting = SequenceStepExecution.objects.filter(enrollment__in=entered.order_by().values("pk"))
            waiting.filter(lead__in=there).update(scheduled_at=due, due_at=due)


def _due_times(
    entered: SequenceEnrollmentQuerySet, step: SequenceStep, now: datetime
) -> list[tuple[datetime, list[tuple[str, list[str]]]]]:
    """When the step is due, the commonest time first, and in which zones (a lead's own and its phone's)."""
    if not step.delay_value or step.delay_unit == SequenceStep.DelayUnit.HOURS:
        return [(after(now, step.delay_value, step.delay_unit, main_zone(Lead())), [])]
    zones = entered.order_by().values_list("lead__time_zone", "lead__phone_zones").distinct()
    times = defaultdict(list)
    for time_zone, phone_zones in zones:
        zone = main_zone(Lead(time_zone=time_zone, phone_zones=phone_zones))
        times[after(now, step.delay_value, step.delay_unit, zone)].append((time_zone, phone_zones))
    return sorted(times.items(), key=lambda one: -len(one[1])) or [(now, [])]
