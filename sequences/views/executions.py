"""The steps of one sequence as they went, lead by lead: the rows behind every number of its funnel."""

from functools import cached_property
from typing import Any

from django.db.models import F, QuerySet
from django_filters import FilterSet

from retention_center.pages.columns import Column, Preset
from retention_center.pages.filter_form import OneOf
from retention_center.pages.lists import ListPage
from sequences.filters import ExecutionFilters
from sequences.models import RetentionSequence, SequenceStepExecution
from sequences.views import record


class ExecutionList(ListPage):
    name, title, one, many = "executions", "Steps as they went", "row", "rows"
    filterset_class = ExecutionFilters
    cells = "sequences/_execution_cells.html"
    template_name = "sequences/executions.html"
    search_hint = "Lead’s name, e-mail or phone"
    columns = (
        Column(
            "lead", "Lead", sort=("lead__last_name", "lead__first_name"), value=lambda row: str(row.lead), place="lead"
        ),
        Column("status", "Status", sort="status", value=lambda row: row.status, place="state"),
        Column("step", "Step", sort="step__step_order", value=lambda row: row.step.step_order),
        Column("why", "When and why", sort="scheduled_at", value=lambda row: row.why, place="reason"),
        Column("executed", "Done", sort=F("executed_at").asc(nulls_last=True), value=lambda row: row.executed_at),
        Column("tries", "Tries", sort="try_no", value=lambda row: row.try_no, is_end=True),
    )
    default_sort = "-why"
    presets = (Preset("Waiting", "state=waiting"), Preset("Held", "state=held"), Preset("Failed", "state=failed"))

    @cached_property
    def sequence(self) -> RetentionSequence:
        return record.find(self.kwargs["pk"])

    @cached_property
    def filters(self) -> FilterSet:
        """The step filter offers the live steps by name; one that a later version dropped is still shown."""
        filters = super().filters
        names = {
            step.key: f"Step {step.step_order}, {step.get_channel_display()}" for step in self.sequence.live_steps()
        }
        for key in self.params.getlist("step"):
            names.setdefault(key, "a step of an earlier version")
        field: Any = filters.form.fields["step"]
        field.choices = list(names.items())
        field.widget = OneOf(choices=[("", "any"), *names.items()])
        return filters

    def rows(self) -> QuerySet[SequenceStepExecution]:
        executions = SequenceStepExecution.objects.filter(sequence_id=self.kwargs["pk"])
        return executions.select_related("lead", "step__script", "enrollment")

    def extra_context(self) -> dict[str, Any]:
        return record.context(self.request, self.sequence, "results", "Steps as they went")
