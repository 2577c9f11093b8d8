"""Where a run goes on when the steps have changed: one rule for the move itself and for what is said before it.

A run continues with the first step that is on, in the new order, which stands after the last step it has done and
whose key it has not done yet. The last step's place is its key's place; a key that is gone keeps its old place,
but never behind a step which used to follow it: what somebody has not had is not lost with its neighbour.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from sequences.models import SequenceStep, SequenceStepExecution
from sequences.models.enrollment import SequenceStepExecutionQuerySet

STATUS = SequenceStepExecution.Status


@dataclass(frozen=True, slots=True)
class Waiting:
    """The step a run waits at, as it is in the version it follows."""

    execution_id: str
    fence: int
    held_reason: str
    held_since: datetime | None
    step_id: str
    key: str
    step_order: int
    delay: tuple[int, str]


@dataclass(frozen=True, slots=True)
class Done:
    """The last step a run has done: its key, and its place in the version it was done in."""

    key: str
    version: int
    step_order: int


@dataclass(slots=True)
class Standing:
    """Where one run stands. ``waiting`` is None while its open step is in flight."""

    waiting: Waiting | None = None
    last: Done | None = None
    done: frozenset[str] = frozenset()


def first_step(steps: Iterable[SequenceStep]) -> SequenceStep | None:
    """The step of a version with which a run begins."""
    return min((step for step in steps if step.is_active), key=lambda step: step.step_order, default=None)


class Course:
    """The steps of one version, and where each run would go on in it."""

    def __init__(self, sequence_id: str, steps: Sequence[SequenceStep]) -> None:
        self.sequence_id = sequence_id
        self.steps = sorted(steps, key=lambda step: step.step_order)
        self._orders = {step.key: step.step_order for step in self.steps}
        self._older: dict[int, Mapping[str, int]] = {}

    def next_for(self, standing: Standing) -> SequenceStep | None:
        """The step with which the run goes on; None: nothing is left for it."""
        return self.next_after(standing.last, standing.done)

    def after(self, step: SequenceStep, done: Collection[str]) -> SequenceStep | None:
        """The step that follows one which has just been done."""
        return self.next_after(Done(step.key, step.version, step.step_order), done)

    def next_after(self, last: Done | None, done: Collection[str]) -> SequenceStep | None:
        place = self._place_of(last) if last else 0
        ahead = (step for step in self.steps if step.is_active and step.step_order > place)
        return next((step for step in ahead if step.key not in done), None)

    def _place_of(self, last: Done) -> int:
        if last.key in self._orders:
            return self._orders[last.key]
        return place_of_gone(last, self._older_orders(last.version), self._orders)

    def _older_orders(self, version: int) -> Mapping[str, int]:
        """Asked only for keys that are gone, once for each version in which somebody did one."""
        if version not in self._older:
            steps = SequenceStep.objects.filter(sequence=self.sequence_id, version=version)
            self._older[version] = dict(steps.values_list("key", "step_order"))
        return self._older[version]


def place_of_gone(last: Done, older: Mapping[str, int], orders: Mapping[str, int]) -> int:
    """The place, among ``orders``, of a step they no longer have; ``older`` are the orders it was done in."""
    left = sorted((order, orders[key]) for key, order in older.items() if key in orders)
    before = [place for order, place in left if order < last.step_order]
    behind = [place for order, place in left if order > last.step_order]
    place = max(last.step_order, before[-1] if before else 0)
    return min(place, behind[0] - 1) if behind else place


_COLUMNS = (
    "enrollment_id",
    "status",
    "step_key",
    "step__version",
    "step__step_order",
    "executed_at",
    "scheduled_at",
    "pk",
    "fence",
    "held_reason",
    "held_since",
    "step_id",
    "step__delay_value",
    "step__delay_unit",
)


def standings(executions: SequenceStepExecutionQuerySet) -> dict[str, Standing]:
    """Where each run stands, by enrollment, from all executions of the enrollments in question. One query."""
    found: dict[str, Standing] = {}
    done: dict[str, list[tuple[datetime, str, Done]]] = {}
    rows: Iterable[tuple] = executions.filter(run_no=F("enrollment__run_no")).order_by().values_list(*_COLUMNS)
    for enrollment_id, status, key, version, order, executed_at, scheduled_at, pk, *rest in rows:
        standing = found.setdefault(enrollment_id, Standing())
        if status == STATUS.SCHEDULED:
            fence, held_reason, held_since, step_id, *delay = rest
            standing.waiting = Waiting(pk, fence, held_reason, held_since, step_id, key, order, (delay[0], delay[1]))
        elif status != STATUS.PENDING:
            one = (executed_at or scheduled_at, pk, Done(key, version, order))
            done.setdefault(enrollment_id, []).append(one)
    for enrollment_id, ended in done.items():
        found[enrollment_id].last = max(ended, key=lambda one: one[:2])[2]
        found[enrollment_id].done = frozenset(one.key for *_when, one in ended)
    return found
