"""The filters of sequences, enrollments and step executions: names as on the wire, one set for page and API."""

from collections.abc import Sequence

import django_filters
from django.db.models import Q, QuerySet

from campaigns.reasons import Reason
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, WireFilterSet, WordsFilter
from retention_center.lib import clock
from sequences import funnels
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStepExecution

MOST_VERSIONS = 2_147_483_647  # as the column holds
REASONS = [(one.value, one.sentence) for one in Reason]


class SequenceFilters(WireFilterSet):
    search_fields = ("name", "description")
    status = ChoicesFilter(choices=RetentionSequence.Status.choices, label="Status")
    trigger_type = ChoicesFilter(choices=RetentionSequence.Trigger.choices, label="Trigger")
    created_from = FromFilter("created_at", label="Made from")
    created_to = ToFilter("created_at", label="Made to")

    class Meta:
        model = RetentionSequence
        fields: tuple[str, ...] = ()


class EnrollmentFilters(WireFilterSet):
    search_fields = ("lead__first_name", "lead__last_name", "lead__email", "lead__phone", "lead__external_id")
    status = ChoicesFilter(choices=SequenceEnrollment.Status.choices, label="Status")
    reason = ChoicesFilter(choices=REASONS, label="Reason")
    source = ChoicesFilter(choices=SequenceEnrollment.Source.choices, label="Entered")
    lead_id = WordsFilter("lead_id", label="Lead")
    version = django_filters.NumberFilter(min_value=0, max_value=MOST_VERSIONS, label="Version")
    enrolled_from = FromFilter("enrolled_at", label="Entered from")
    enrolled_to = ToFilter("enrolled_at", label="Entered to")

    class Meta:
        model = SequenceEnrollment
        fields: tuple[str, ...] = ()


class ExecutionFilters(WireFilterSet):
    """``state`` is a cell of the funnel, and also what has no cell: waiting and held."""

    search_fields = ("lead__first_name", "lead__last_name", "lead__email", "lead__phone")
    step = WordsFilter("step_key", label="Step")
    state = ChoicesFilter(choices=funnels.STATES, label="Funnel", method="in_state")
    status = ChoicesFilter(choices=SequenceStepExecution.Status.choices, label="Status")
    reason = ChoicesFilter(choices=REASONS, label="Reason", method="for_reason")
    scheduled_from = FromFilter("scheduled_at", label="Planned from")
    scheduled_to = ToFilter("scheduled_at", label="Planned to")

    class Meta:
        model = SequenceStepExecution
        fields: tuple[str, ...] = ()

    def in_state(self, queryset: QuerySet, _name: str, states: Sequence[str]) -> QuerySet:
        return funnels.in_states(queryset, states, clock.now()) if states else queryset

    def for_reason(self, queryset: QuerySet, _name: str, reasons: Sequence[str]) -> QuerySet:
        """The last reason: of the hold while it waits, of the end once it is over."""
        if not reasons:
            return queryset
        return queryset.filter(Q(reason__in=reasons) | Q(held_reason__in=reasons))
