"""What step conditions look at, loaded for a batch: three queries at most, none where no step has conditions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from campaigns.delivery.work import WorkItem
from leads.models import Lead
from sequences.condition_words import in_words
from sequences.conditions import ConditionFacts, first_unmet, results_of, split
from sequences.models import SequenceStep, SequenceStepExecution
from sequences.triggers import CONVERSIONS

Run = tuple[str, int]  # enrollment and run


def judge(items: Sequence[WorkItem]) -> None:
    """Set ``conditions_hold`` of each item; the execution of one that fails gets the condition into its result.

    The items are due steps with their execution and step loaded; call it under the leads' locks, so that what was
    judged is what stands when the intent is written.
    """
    conditional = [item for item in items if item.own.step.conditions]
    if not conditional:
        return
    fields = {split(one.get("field")) for item in conditional for one in _readable(item.own.step.conditions)}
    kinds = {kind for kind, _name in fields}
    results = _results(conditional, {name for kind, name in fields if kind == "step"}) if "step" in kinds else {}
    converted = converted_among([item.lead.pk for item in conditional]) if "converted" in kinds else set()
    unmet: list[tuple[WorkItem, Any]] = []
    for item in conditional:
        run = results.get((item.own.enrollment_id, item.own.run_no), {})
        facts = facts_of(item.lead, converted=item.lead.pk in converted, results=run)
        unmet += [(item, condition) for condition in first_unmet(item.own.step.conditions, facts)]
    _tell(unmet)


def facts_of(lead: Lead, *, converted: bool, results: Mapping[str, frozenset[str]]) -> ConditionFacts:
    return ConditionFacts(lead.status, lead.source, lead.meta, converted, results)


def step_numbers(steps: Iterable[SequenceStep]) -> dict[str, int]:
    """The number of each step by its key, as `in_words` wants them."""
    return {step.key: step.step_order for step in steps}


def _tell(unmet: Sequence[tuple[WorkItem, Any]]) -> None:
    numbers: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    if any(split(_field(condition))[0] == "step" for _item, condition in unmet):
        own = [item.own.step for item, _condition in unmet]
        siblings = SequenceStep.objects.filter(
            sequence__in={step.sequence_id for step in own}, version__in={step.version for step in own}
        )
        for sequence_id, version, key, order in siblings.values_list("sequence_id", "version", "key", "step_order"):
            numbers[sequence_id, version][key] = order
    for item, condition in unmet:
        step = item.own.step
        words = in_words([condition], numbers[step.sequence_id, step.version])
        item.conditions_hold = False
        item.own.result = {
            SequenceStepExecution.UNMET_CONDITION: condition,
            SequenceStepExecution.CONDITION_IN_WORDS: words,
        }


def _readable(conditions: Any) -> list[Mapping[str, Any]]:
    return [one for one in conditions if isinstance(one, Mapping)] if isinstance(conditions, list) else []


def _field(condition: Any) -> Any:
    return condition.get("field") if isinstance(condition, Mapping) else None


def _results(items: Sequence[WorkItem], keys: Collection[str]) -> Mapping[Run, dict[str, frozenset[str]]]:
    """What came of the named steps in every run of the enrollments, by the key, whatever version they were of."""
    rows = SequenceStepExecution.objects.filter(
        enrollment__in=[item.own.enrollment_id for item in items], step_key__in=keys
    ).exclude(status__in=SequenceStepExecution.OPEN)
    found: dict[Run, dict[str, frozenset[str]]] = defaultdict(dict)
    attempt = ("contact_attempt__status", "contact_attempt__was_unsent", "contact_attempt__result")
    for enrollment_id, run_no, key, *came in rows.values_list(
        "enrollment_id", "run_no", "step_key", "status", *attempt
    ):
        found[enrollment_id, run_no][key] = results_of(*came)
    return found


def converted_among(lead_ids: Sequence[str]) -> set[str]:
    """Those with a pending or confirmed conversion; one query."""
    buyers = Lead.objects.filter(pk__in=lead_ids, conversions__standing__in=CONVERSIONS)
    return set(buyers.order_by().values_list("pk", flat=True))
