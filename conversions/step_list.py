"""Steps of all sequences as one list: what is planned, held, in flight, left out, and why."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from campaigns.reasons import Reason
from conversions import causes
from conversions.periods import Period
from retention_center.api.filters import ChoicesFilter, FromFilter, ToFilter, WireFilterSet, WordsFilter
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.pages.columns import Column, Preset
from retention_center.pages.lists import ListPage
from sequences.models import SequenceStepExecution
from sequences.processor import OVERDUE_AFTER

REASONS = [(reason.value, reason.sentence) for reason in Reason]
STATES = (("due", "Due today"), ("overdue", "Overdue"), ("held", "Held"), ("in_flight", "In flight"))


class StepFilters(WireFilterSet):
    search_fields = ("lead__first_name", "lead__last_name", "lead__email", "lead__phone")
    state = ChoicesFilter(choices=STATES, method="in_state", label="Now")
    status = ChoicesFilter(choices=SequenceStepExecution.Status.choices, label="Status")
    channel = ChoicesFilter("step__channel", choices=Channel.choices, label="Channel")
    reason = ChoicesFilter(choices=REASONS, label="Ended because")
    held_reason = ChoicesFilter("held_reason", choices=REASONS, label="Held because")
    sequence_id = WordsFilter("sequence_id", label="Sequence")
    lead_id = WordsFilter("lead_id", label="Lead")
    date_from = FromFilter("executed_at", label="Done from")
    date_to = ToFilter("executed_at", label="Done to")

    class Meta:
        model = SequenceStepExecution
        fields: tuple[str, ...] = ()

    def in_state(self, queryset: QuerySet, _name: str, states: list[str]) -> QuerySet:
        """Steps of active sequences in any of the states, as the dashboard counts them."""
        now = clock.now()
        wanted = causes.open_steps().none()
        for state in states:
            wanted = wanted | _in_state(state, now)
        return queryset.filter(pk__in=wanted.values("pk"))


def _in_state(state: str, now: datetime) -> QuerySet:
    steps = causes.open_steps()
    zone = timezone.get_current_timezone()
    match state:
        case "due":
            return steps.scheduled().filter(due_at__lt=Period.ending(now.astimezone(zone).date(), 1, zone).end)
        case "overdue":
            return steps.due(now - OVERDUE_AFTER)
        case "held":
            return steps.held()
    return steps.filter(status=SequenceStepExecution.Status.PENDING)


class StepList(ListPage):
    name, title, one, many = "steps", "Steps", "step", "steps"
    filterset_class = StepFilters
    cells = "reports/_step_cells.html"
    template_name = "reports/steps.html"
    search_hint = "Search leads"
    default_sort = "-made"
    columns = (
        Column(
            "lead", "Lead", sort=("lead__last_name", "lead__first_name"), value=lambda row: str(row.lead), place="lead"
        ),
        Column("status", "Status", sort="status", value=lambda row: row.get_status_display(), place="state"),
        Column("planned", "When and why", sort="scheduled_at", value=lambda row: row.scheduled_at, place="reason"),
        Column("step", "Step", value=lambda row: str(row.step)),
        Column("attempt", "Attempt", value=lambda row: row.contact_attempt_id or ""),
        # Ids are made in the order of time: the newest steps come first without a sort over all of them
        Column("made", "Id", sort="id", value=lambda row: row.pk, is_extra=True),
    )
    presets = (
        Preset("Due today", "state=due"),
        Preset("Held", "state=held"),
        Preset("In flight", "state=in_flight"),
        Preset("Left out", "status=SKIPPED"),
        Preset("Failed", "status=FAILED"),
    )

    def rows(self) -> QuerySet[SequenceStepExecution]:
        return SequenceStepExecution.objects.select_related("lead", "step", "sequence", "contact_attempt")

    def extra_context(self) -> dict[str, Any]:
        return {"crumbs": [{"label": "Reports", "href": reverse("reports")}, {"label": "Steps", "href": ""}]}
