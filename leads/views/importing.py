"""The import wizard: Upload, Match columns, Check, Run, Result. Each stage has an address and survives a reload."""

from datetime import timedelta
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
from leads.models import ImportFile, ImportJob, ImportRow, Lead
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
from retention_center.pages.words import number, plural, span

SAMPLES = 3
SHOWN = 100
KINDS = {  # what the check counts: its word, its shape, its tone, what happens to such a row
    "created": ("New", "ring", "good", "will be added"),
    "updated": ("Update", "ring-half", "move", "get blanks filled"),
    "unchanged": ("Known", "ring-dash", "idle", "stay as they are"),
    "invalid": ("Invalid", "disc-cross", "bad", "left out, repair below"),
    "warnings": ("Warnings", "triangle", "hold", "come in without one value"),
}


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
    stages = _stages(None, "upload")
    return answer_form(request, form, "leads/import_upload.html", save, {"stages": stages, "drafts": drafts})


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


def _has_run(found: ImportJob) -> bool:
    return bool(found.job and found.job.kind == start.RUN)


@needs(Role.OPERATOR)
def columns(request: HttpRequest, pk: str) -> HttpResponse:
    """Which column is what, with samples; posted choices go on to the check."""
    found = _draft(pk)
    if _has_run(found):
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
        {"place": place, "column": column, "field": found.mapping.get(column, ""), "samples": _samples(table, place)}
        for place, column in enumerate(found.columns)
    ]
    context = {
        "importing": found,
        "rows": rows,
        "choices": mapping_of.CHOICES.items(),
        "stages": _stages(found, "columns"),
    }
    return answer_form(request, form, "leads/import_columns.html", save, context)


def _samples(table: Any, place: int) -> list[str]:
    found = (record.cells[place] for record in table.records[:200] if record.cells[place])
    return [sample[:60] for _n, sample in zip(range(SAMPLES), found, strict=False)]


@needs(Role.OPERATOR)
def check(request: HttpRequest, pk: str) -> HttpResponse:
    """What would happen, counted. Nothing has been written."""
    found = _draft(pk)
    if _has_run(found):
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
        "stages": _stages(found, "check"),
        "result": result,
        "good": sum(result.get(name, 0) for name in ("created", "updated", "unchanged")),
        "kinds": _kinds(result, kind),
        "parts": _parts(result) if is_counted else [],
        "kind": kind,
        "kind_word": KINDS[kind][0],
        "examples": _named(result.get("examples", {}).get(kind, []), found),
    }
    return live(request, "leads/import_check.html", "live", context)


def _kinds(result: dict[str, Any], current: str) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "word": word, "shape": shape, "tone": tone, "count": result.get(kind, 0), "note": note,
         "is_current": kind == current}
        for kind, (word, shape, tone, note) in KINDS.items()
    ]  # fmt: skip


def _parts(result: dict[str, Any]) -> Any:
    inks = {"created": "good", "updated": "move", "unchanged": "idle", "invalid": "bad"}
    return shares([(ink, result.get(kind, 0)) for kind, ink in inks.items()])


def _named(examples: list[dict[str, Any]], found: ImportJob) -> list[dict[str, Any]]:
    """The rows with their main cells by name, and other leads named that their problems speak of."""
    owners = {p["lead"] for example in examples for p in example["problems"] if p.get("lead")}
    names = {lead.pk: lead for lead in Lead.objects.filter(pk__in=owners)} if owners else {}
    shown = [name for name in found.columns if found.mapping.get(name) in {"first_name", "last_name", "full_name"}][:1]
    shown += [name for field in ("email", "phone") for name in found.columns if found.mapping.get(name) == field][:2]
    told = []
    for example in examples:
        cells = (
            dict(zip(found.columns, example["cells"], strict=False))
            if isinstance(example["cells"], list)
            else example["cells"]
        )
        problems = [problem | {"owner": names.get(problem.get("lead", ""))} for problem in example["problems"]]
        told.append(
            {"number": example["number"], "cells": [cells.get(name, "") for name in shown], "problems": problems}
        )
    for one in told:
        one["columns"] = shown
    return told


@needs(Role.OPERATOR)
def run(request: HttpRequest, pk: str) -> HttpResponse:
    """POST starts the run; GET shows how far it is, polled every two seconds until it ends."""
    found = _draft(pk)
    if request.method == "POST":
        if not _has_run(found) and not ImportFile.objects.filter(pk=found.pk).exists():
            return errors.problem_page(request, "409", "The file is no longer kept; upload it again.")
        start.run(found, actor=audit.actor_of(request))
        return redirect("import-run", found.pk)
    if not _has_run(found):
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
        "stages": _stages(found, "run"),
        "pace": number(int(pace)) if pace else "",
        "left": _left(left),
        "parts": shares([("accent", found.processed), ("quiet", found.rows - found.processed)]),
    }
    return live(request, "leads/import_run.html", "live", context)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"about {span(timedelta(seconds=max(seconds, 1)))} left"


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
    if not _has_run(found):
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
    named = _named(examples, found)
    for row, told in zip(shown, named, strict=True):
        told["lead"] = row.lead
    counted = {name: getattr(found, name) for name in KINDS}
    context = {
        "importing": found,
        "job": found.job,
        "stages": _stages(found, "result"),
        "kinds": _kinds(counted, kind),
        "parts": _parts(counted),
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


def _stages(found: ImportJob | None, current: str) -> list[dict[str, Any]]:
    """The strip of stages: done ones with their result, and links where one may go."""
    has_run = bool(found and _has_run(found))
    matched = sum(1 for field in found.mapping.values() if field) if found else 0
    counted = found.job.result.get("rows") if found and found.job and found.job.kind == start.CHECK else None
    seconds = {
        "upload": f"{found.filename}, {plural(found.rows, 'row')}" if found else "",
        "columns": f"{matched} of {len(found.columns)} matched" if found else "",
        "check": f"{plural(counted, 'row')} counted" if counted else "",
        "run": f"{plural(found.processed, 'row')} done" if found and has_run else "",
    }
    names = {"upload": "Upload", "columns": "Match columns", "check": "Check", "run": "Run", "result": "Result"}
    order = list(names)
    here = order.index(current)
    routes = {"columns": "import-columns", "check": "import-check"}
    return [
        {
            "label": label,
            "number": place + 1,
            "second": seconds.get(key, ""),
            "is_current": place == here,
            "is_done": place < here,
            "route": routes.get(key, "") if place < here and not has_run else "",
            "pk": found.pk if found else "",
        }
        for place, (key, label) in enumerate(names.items())
    ]
