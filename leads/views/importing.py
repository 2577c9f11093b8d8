"""The import wizard: Upload, Match columns, Check, Run, Result. Each stage has an address and survives a reload."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST

from leads.identity import BadValue
from leads.importing import map as mapping_of
from leads.importing import rejected, start
from leads.importing.read import MOST_BYTES, Unreadable
from leads.merging import Outcome
from leads.models import ImportFile, ImportJob, ImportRow
from leads.views.importing_words import (
    DONE_NOTES,
    KINDS,
    has_begun,
    kinds_of,
    parts_of,
    samples,
    stages,
    time_left,
    told_rows,
)
from leads.views.live import live
from retention_center import audit, jobs
from retention_center.auth.roles import needs
from retention_center.jobs import Refused
from retention_center.lib import clock
from retention_center.models import Job, Role
from retention_center.pages import errors
from retention_center.pages.charts import shares
from retention_center.pages.forms import PageForm, answer_form
from retention_center.pages.partials import is_partial
from retention_center.pages.words import number

SHOWN = 100


class UploadForm(PageForm):
    file = forms.FileField(label="File", allow_empty_file=True,
                           help_text="CSV or Excel (.xlsx), at most 10 MB and 100,000 rows.",
                           widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}))  # fmt: skip
    region = forms.CharField(label="Country of phone numbers", max_length=2, required=False,
                             help_text="Two letters, for numbers without a country code.")  # fmt: skip


class ChoicesForm(PageForm):
    source = forms.CharField(label="Source for all rows", max_length=60, required=False,
                             help_text="Blank: the file’s own source column, else UPLOAD.")  # fmt: skip
    region = forms.CharField(label="Country of phone numbers", max_length=10, required=False)
    campaign = forms.ChoiceField(label="Also add to a campaign", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campaigns = import_string(settings.LEAD_ACTIONS["campaign"][0])()
        self.fields["campaign"].choices = [("", "None"), *campaigns]  # type: ignore[attr-defined]


@needs(Role.OPERATOR)
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None, initial={"region": settings.DEFAULT_REGION})

    def save(valid: UploadForm) -> HttpResponse:
        file = valid.cleaned_data["file"]
        try:
            content = file.read(MOST_BYTES + 1)
            actor = audit.actor_of(request)
            importing = start.upload(content, file.name, actor=actor, region=valid.cleaned_data["region"])
        except Unreadable as error:
            valid.add_error("file", str(error))
        except BadValue as error:
            valid.add_error("region", error.message)
        else:
            return redirect("import-columns", importing.pk)
        return HttpResponse()

    drafts = ImportJob.objects.filter(job=None, file__isnull=False).order_by("-created_at")[:5]
    context = {"stages": stages(None, "upload"), "drafts": drafts}
    return answer_form(request, form, "leads/import_upload.html", save, context)


@needs(Role.OPERATOR)
def importing(request: HttpRequest, pk: str) -> HttpResponse:
    """Where this import stands."""
    found = get_object_or_404(ImportJob.objects.select_related("job"), pk=pk)
    return redirect(_stage_of(found), found.pk)


def _stage_of(found: ImportJob) -> str:
    if found.job is None:
        return "import-columns"
    if found.job.kind == start.CHECK:
        return "import-check"
    return "import-run" if found.job.status in {Job.Status.QUEUED, Job.Status.RUNNING} else "import-result"


def _draft(pk: str) -> ImportJob:
    return get_object_or_404(ImportJob.objects.select_related("job"), pk=pk)


@needs(Role.OPERATOR)
def columns(request: HttpRequest, pk: str) -> HttpResponse:
    """Which column is what, with samples; posted choices go on to the check."""
    found = _draft(pk)
    if has_begun(found):
        return redirect(found)
    try:
        table = start.table_of(found)
    except Refused as refusal:
        return errors.problem_page(request, "409", str(refusal))
    first = {"source": found.source, "region": found.region, "campaign": found.campaign_id}
    form = ChoicesForm(request.POST or None, initial=first)

    def save(valid: ChoicesForm) -> HttpResponse:
        chosen = valid.cleaned_data
        wishes = {
            column: request.POST[f"column-{place}"]
            for place, column in enumerate(found.columns)
            if f"column-{place}" in request.POST
        }
        try:
            start.choose(
                found, wishes, source=chosen["source"], region=chosen["region"], campaign_id=chosen["campaign"]
            )
        except BadValue as error:
            valid.add_error("region" if error.code.startswith("region") else "source", error.message)
        except ValueError as error:
            valid.add_error(None, str(error))
        else:
            return redirect("import-check", found.pk)
        return HttpResponse()

    rows = [
        {"place": place, "column": column, "field": found.mapping.get(column, ""), "samples": samples(table, place)}
        for place, column in enumerate(found.columns)
    ]
    context = {
        "importing": found,
        "rows": rows,
        "choices": mapping_of.CHOICES.items(),
        "stages": stages(found, "columns"),
    }
    return answer_form(request, form, "leads/import_columns.html", save, context)


@needs(Role.OPERATOR)
def check(request: HttpRequest, pk: str) -> HttpResponse:
    """What would happen, counted. Nothing has been written."""
    found = _draft(pk)
    if has_begun(found):
        return redirect(found)
    if not ImportFile.objects.filter(pk=found.pk).exists():
        return errors.problem_page(request, "409", "The file is no longer kept; upload it again.")
    job = start.check(found)
    if request.method == "POST" and job.status in {Job.Status.FAILED, Job.Status.STOPPED}:
        start.forget_check(found)
        return redirect("import-check", found.pk)
    kind = request.GET.get("kind", "")
    result = job.result
    is_counted = job.status == Job.Status.DONE
    kind = (
        kind
        if kind in KINDS
        else ("invalid" if result.get("invalid") else "warnings" if result.get("warnings") else "created")
    )
    context = {
        "importing": found,
        "job": job,
        "is_counted": is_counted,
        "stages": stages(found, "check"),
        "result": result,
        "good": sum(result.get(name, 0) for name in ("created", "updated", "unchanged")),
        "kinds": kinds_of(result, kind),
        "parts": parts_of(result) if is_counted else [],
        "kind": kind,
        "kind_word": KINDS[kind][0],
        "examples": told_rows(result.get("examples", {}).get(kind, []), found),
    }
    return live(request, "leads/import_check.html", "live", context)


@needs(Role.OPERATOR)
def run(request: HttpRequest, pk: str) -> HttpResponse:
    """POST starts the run; GET shows how far it is, polled every two seconds until it ends."""
    found = _draft(pk)
    if request.method == "POST":
        if not has_begun(found) and not ImportFile.objects.filter(pk=found.pk).exists():
            return errors.problem_page(request, "409", "The file is no longer kept; upload it again.")
        start.run(found, actor=audit.actor_of(request))
        return redirect("import-run", found.pk)
    if not has_begun(found):
        return redirect(found)
    job: Any = found.job
    if job.status not in {Job.Status.QUEUED, Job.Status.RUNNING}:
        answer = redirect("import-result", found.pk)
        return HttpResponse(headers={"HX-Redirect": answer.url}) if is_partial(request) else answer
    seconds = (clock.now() - job.started_at).total_seconds() if job.started_at else 0
    pace = found.processed / seconds if seconds > 1 else 0
    left = (found.rows - found.processed) / pace if pace else None
    context = {
        "importing": found,
        "job": job,
        "stages": stages(found, "run"),
        "pace": number(int(pace)) if pace else "",
        "left": time_left(left),
        "parts": shares([("accent", found.processed), ("quiet", found.rows - found.processed)]),
    }
    return live(request, "leads/import_run.html", "live", context)


@require_POST
@needs(Role.OPERATOR)
def stop(request: HttpRequest, pk: str) -> HttpResponse:
    found = _draft(pk)
    if found.job and jobs.request_stop(found.job):
        messages.success(request, "The import stops after the rows in hand. Rows already imported stay.")
    return redirect(found)


@needs(Role.OPERATOR)
def result(request: HttpRequest, pk: str) -> HttpResponse:
    """What was written, and the rows that were left out."""
    found = _draft(pk)
    if not has_begun(found):
        return redirect(found)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ("invalid" if found.invalid else "warnings")
    rows = ImportRow.objects.filter(import_job=found).select_related("lead")
    if kind == "warnings":
        rows = rows.exclude(problems=[]).exclude(outcome=Outcome.INVALID)
    else:
        rows = rows.filter(outcome=kind)
    shown = list(rows[:SHOWN])
    examples = [{"number": row.number, "cells": row.cells, "problems": row.problems} for row in shown]
    named = told_rows(examples, found)
    for row, told in zip(shown, named, strict=True):
        told["lead"] = row.lead
    counted = {name: getattr(found, name) for name in KINDS}
    context = {
        "importing": found,
        "job": found.job,
        "stages": stages(found, "result"),
        "kinds": [one | {"note": DONE_NOTES[one["kind"]]} for one in kinds_of(counted, kind)],
        "parts": parts_of(counted),
        "kind": kind,
        "kind_word": KINDS[kind][0],
        "examples": named,
        "done": found.created + found.updated + found.unchanged,
    }
    return render(request, "leads/import_result.html", context)


@needs(Role.OPERATOR)
def rejected_rows(request: HttpRequest, pk: str) -> StreamingHttpResponse:
    """The rows that were left out, with a column that says why."""
    found = get_object_or_404(ImportJob, pk=pk)
    answer = StreamingHttpResponse(rejected.lines(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="left-out-{found.pk}.csv"'
    return answer
