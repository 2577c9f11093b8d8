"""The list of sequences, and the ready starts."""

from typing import Any

from django.contrib import messages
from django.db.models import Case, F, Min, OuterRef, Prefetch, QuerySet, Subquery, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from campaigns.models import Script
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Role
from retention_center.pages.columns import Column, Preset
from retention_center.pages.lists import ListPage
from retention_center.pages.words import plural
from sequences import starts, trigger_config
from sequences.filters import SequenceFilters
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution
from sequences.timing import in_words
from sequences.views import record

RUNNING_FIRST = Case(
    *(When(status=status, then=n) for n, status in enumerate(("ACTIVE", "PAUSED", "DRAFT"))), default=9
)


class SequenceList(ListPage):
    """Every sequence, those that run first."""

    name, title, one, many = "sequences", "Sequences", "sequence", "sequences"
    filterset_class = SequenceFilters
    cells = "sequences/_cells.html"
    template_name = "sequences/list.html"
    search_hint = "Name or description"
    columns = (
        Column("name", "Sequence", sort="name", value=lambda row: row.name, place="lead"),
        Column("status", "Status", sort=("rank", "-created_at"), place="state"),
        Column("steps", "Steps", value=lambda row: chain_in_words(row.live), place="reason"),
        Column("active", "Active", sort="active_count", value=lambda row: row.active_count, is_end=True),
        Column("next", "Next due", sort=F("next_due").asc(nulls_last=True), value=lambda row: row.next_due),
        Column("trigger", "Trigger", sort="trigger_type", value=trigger_config.in_words, is_extra=True),
        Column("made", "Made", sort="created_at", value=lambda row: row.created_at, is_extra=True),
    )
    default_sort = "status"
    presets = (
        Preset("Active", "status=ACTIVE"),
        Preset("Draft", "status=DRAFT"),
        Preset("Paused", "status=PAUSED"),
        Preset("Archived", "status=ARCHIVED"),
    )

    def rows(self) -> QuerySet[RetentionSequence]:
        active = SequenceEnrollment.objects.filter(status=SequenceEnrollment.Status.ACTIVE)
        due = SequenceStepExecution.objects.scheduled().filter(sequence=OuterRef("pk"), due_at__isnull=False)
        soonest = due.order_by().values("sequence").annotate(at=Min("due_at")).values("at")
        live = SequenceStep.objects.filter(version=F("sequence__version")).order_by("step_order")
        return RetentionSequence.objects.annotate(
            rank=RUNNING_FIRST, active_count=record.count_of(active), next_due=Subquery(soonest)
        ).prefetch_related(Prefetch("steps", queryset=live, to_attr="live"))

    def extra_context(self) -> dict[str, Any]:
        may_change = self.user.may(Role.OPERATOR)
        is_empty = not self.page_rows and not self.is_filtered
        return {"may_change": may_change, "starts": starts.STARTS, "needs": what_it_needs() if is_empty else []}


def chain_in_words(steps: list[SequenceStep]) -> str:
    """ "E-mail, then 2 days later SMS"."""
    on = [step for step in steps if step.is_active]
    told = [f"{in_words(step.delay_value, step.delay_unit)} {step.get_channel_display()}" for step in on[1:]]
    return ", then ".join([on[0].get_channel_display(), *told]) if on else "none"


def what_it_needs() -> list[dict[str, Any]]:
    """What stands ready for a first sequence and what is missing: leads, scripts, providers."""
    leads = Lead.objects.present().count()
    contactable = Lead.objects.contactable().count()
    scripts = dict.fromkeys(Channel.values, 0)
    for kind in Script.objects.filter(archived_at=None).values_list("type", flat=True):
        scripts[kind] += 1
    told = ", ".join(f"{count} {Channel(kind).label}" for kind, count in scripts.items() if count)
    rows = [
        _need("Leads", leads, f"{leads:,} on file, {contactable:,} may be contacted", "No leads yet", "leads"),
        _need("Scripts", sum(scripts.values()), told, "No scripts yet; the ready starts bring their own", "scripts"),
    ]
    providers = ActiveProviders.load()
    for channel in (Channel.EMAIL, Channel.SMS, Channel.CALL):
        name = providers.choose(channel)
        word = channel.label if channel == Channel.SMS else channel.label.lower()
        missing = f"No provider is set up, so {word} steps would wait"
        rows.append(_need(str(channel.label), bool(name), f"Goes out by {name}", missing, "integrations"))
    return rows


def _need(name: str, is_there: object, told: str, missing: str, route: str) -> dict[str, Any]:
    return {
        "name": name,
        "check": "OK" if is_there else "NOT_SET_UP",
        "told": told if is_there else missing,
        "route": route,
    }


@require_POST
@needs(Role.OPERATOR)
def sequence_start(request: HttpRequest, slug: str) -> HttpResponse:
    """Make a draft from a ready start."""
    start = starts.BY_SLUG.get(slug)
    if start is None:
        raise Http404("There is no such start.")
    sequence = starts.begin(start, now=clock.now(), actor=audit.actor_of(request))
    told = plural(len(start.steps), "script")
    messages.success(request, f"{sequence} is a draft with {told} of its own. Nothing is sent until you activate it.")
    return redirect(sequence)
