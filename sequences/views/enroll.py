"""Letting leads enter a sequence: by selection, or all that match a search; and how a longer job goes."""

from collections import Counter
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from leads.filters import LeadFilter
from leads.models import Lead
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Job, Role
from retention_center.pages import errors
from retention_center.pages.columns import BulkAction, Column, Preset
from retention_center.pages.lists import ListPage
from retention_center.pages.partials import pick_template
from sequences import bulk, triggers
from sequences.bulk import BadQuery
from sequences.enrolling import CannotEnroll, enroll
from sequences.models import RetentionSequence, SequenceEnrollment
from sequences.views import record


class EnrollLeads(ListPage):
    """Leads to choose from."""

    name, title, one, many = "enroll-leads", "Enroll leads", "lead", "leads"
    filterset_class = LeadFilter
    cells = "sequences/_enroll_cells.html"
    template_name = "sequences/enroll.html"
    search_hint = "Name, e-mail, phone, external id"
    columns = (
        Column("lead", "Lead", sort=("last_name", "first_name"), value=str, place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("here", "In this sequence", value=lambda row: row.is_here, place="reason"),
        Column("source", "Source", sort="source", value=lambda row: row.source),
        Column("created", "Added", sort="created_at", value=lambda row: row.created_at),
    )
    default_sort = "-created"
    presets = (Preset("New", "status=NEW"), Preset("Contacted", "status=CONTACTED"))
    action = BulkAction("Enroll", "sequence-enroll-chosen")
    needed_role = Role.OPERATOR

    @cached_property
    def sequence(self) -> RetentionSequence:
        return record.find(self.kwargs["pk"])

    @property
    def allowed_bulk_actions(self) -> list[tuple[BulkAction, str]]:
        return [(self.action, reverse(self.action.route, args=[self.kwargs["pk"]]))]

    def rows(self) -> QuerySet[Lead]:
        inside = SequenceEnrollment.objects.filter(sequence=self.kwargs["pk"], lead=OuterRef("pk"))
        return Lead.objects.present().annotate(is_here=Exists(inside.open()))

    def extra_context(self) -> dict[str, Any]:
        return record.context(self.request, self.sequence, "enrollments", "Enroll leads")


@require_safe
@needs(Role.VIEWER)
def sequence_matching(request: HttpRequest, pk: str) -> HttpResponse:
    """The leads the trigger would take now: the rows behind "318 leads match"."""
    sequence = record.find(pk)
    leads = triggers.matching(sequence, clock.now()).order_by("-created_at", "-pk")
    context = record.context(request, sequence, "steps", "Leads that match now") | {"leads": leads[:100]}
    return render(request, "sequences/matching.html", context)


@require_POST
@needs(Role.OPERATOR)
def sequence_enroll_chosen(request: HttpRequest, pk: str) -> HttpResponse:
    """Enroll the selected leads: at once, or as a job when there are many."""
    sequence = record.find(pk)
    try:
        bulk.leads_matching(request.POST.get("query", ""))
    except BadQuery as bad:
        return errors.problem_page(request, "400", str(bad))
    picked = EnrollLeads.selection(request, pk=pk)
    if not picked.count:
        messages.error(request, "Select the leads to enroll.")
        return redirect("sequence-enroll", pk)
    actor = audit.actor_of(request)
    if picked.count > bulk.AT_ONCE:
        job = bulk.enqueue_enrolling(sequence, ids=picked.ids, query=picked.query, total=picked.count, by=actor)
        return redirect("sequence-job", pk, job.pk)
    ids = list(picked.rows.order_by("pk").values_list("pk", flat=True))
    try:
        found = enroll(sequence, ids, now=clock.now(), source=SequenceEnrollment.Source.MANUAL, actor=actor)
    except CannotEnroll as refusal:
        return errors.problem_page(request, "409", str(refusal), headline="Nobody was enrolled")
    skipped = Counter(reason for _lead, reason in found.skipped)
    return _result(request, sequence, found.enrolled, skipped, found.skipped[:100])


def _result(
    request: HttpRequest,
    sequence: RetentionSequence,
    enrolled: int,
    skipped: Counter[str],
    left_out: list[tuple[str, str]],
) -> HttpResponse:
    """How many entered, and everybody who did not, with the reason."""
    leads = Lead.objects.in_bulk([lead_id for lead_id, _reason in left_out])
    context = record.context(request, record.find(sequence.pk), "enrollments", "Enrolled") | {
        "enrolled": enrolled,
        "skipped": [(bulk.in_words(reason), count) for reason, count in skipped.most_common()],
        "left_out": [(leads.get(lead_id), lead_id, bulk.in_words(reason)) for lead_id, reason in left_out],
    }
    return render(request, "sequences/enrolled.html", context)


@require_safe
@needs(Role.VIEWER)
def sequence_job(request: HttpRequest, pk: str, job_pk: str) -> HttpResponse:
    """How a job of this sequence goes; it goes on when the page is closed."""
    sequence = record.find(pk)
    kinds = (bulk.ENROLL, bulk.CHANGE)
    job = get_object_or_404(Job, pk=job_pk, kind__in=kinds, arguments__sequence=sequence.pk)
    skipped = job.result.get("skipped", {})
    context = record.context(request, sequence, "enrollments", "Job") | {
        "job": job,
        "is_open": job.status in {Job.Status.QUEUED, Job.Status.RUNNING},
        "is_enrolling": job.kind == bulk.ENROLL,
        "change": job.arguments.get("change", ""),
        "count": job.result.get("enrolled", job.result.get("changed", 0)),
        "share": round(100 * job.done / job.total) if job.total else 0,
        "skipped": [(bulk.in_words(reason), n) for reason, n in sorted(skipped.items(), key=lambda one: -one[1])],
    }
    answer = render(request, pick_template(request, "sequences/job.html", "progress"), context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer
