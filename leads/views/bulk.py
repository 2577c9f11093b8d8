"""One change for many leads: what exactly, and for how many, is asked once; more than 200 become a job."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST

from leads import bulk
from leads.forms import TargetForm
from leads.models import Lead
from leads.views.lists import DeletedList, LeadList
from leads.views.live import live
from retention_center import audit, jobs
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Job, Role
from retention_center.pages import errors, undo
from retention_center.pages.words import number, plural

MUST_TYPE = 100  # above this the number is typed before something that cannot be undone
ASKED = {  # action: title, verb, label of the target
    "sequence": ("Enroll in a sequence", "Enroll", "Sequence"),
    "campaign": ("Add to a campaign", "Add", "Campaign"),
    bulk.STATUS: ("Set the status", "Set status of", "Status"),
    bulk.STOP: ("Do not contact", "Stop contacting", ""),
    bulk.DELETE: ("Delete", "Delete", ""),
}
FINAL = (bulk.STOP, bulk.DELETE)


@require_POST
@needs(Role.OPERATOR)
def change(request: HttpRequest) -> HttpResponse:
    """Asks for what is missing (the target, a confirmation), then acts."""
    action = request.POST.get("action", "")
    picked = LeadList.selection(request)
    if action not in ASKED:
        return errors.problem_page(request, "400", "There is no such action for leads.")
    if not picked.count:
        messages.error(request, "Select at least one lead first.")
        return redirect("leads")
    form = _form(request, action)
    typed = request.POST.get("typed", "").replace(",", "")
    is_sure = request.POST.get("sure") == "1" and (
        action not in FINAL or picked.count <= MUST_TYPE or typed == str(picked.count)
    )
    if is_sure and (form is None or form.is_valid()):
        return _act(request, action, form.cleaned_data["target"] if form else "", picked)
    title, verb, _label = ASKED[action]
    context = {
        "action": action,
        "title": title,
        "verb": f"{verb} {plural(picked.count, 'lead')}",
        "form": form,
        "picked": picked,
        "names": list(picked.rows.order_by("pk")[:5]),
        "more": max(picked.count - 5, 0),
        "must_type": number(picked.count) if action in FINAL and picked.count > MUST_TYPE else "",
        "is_final": action in FINAL,
        "asked_again": request.POST.get("sure") == "1",
    }
    return render(request, "leads/bulk.html", context, status=422 if context["asked_again"] else 200)


def _form(request: HttpRequest, action: str) -> TargetForm | None:
    label = ASKED[action][2]
    if not label:
        return None
    if action == bulk.STATUS:
        choices: list[Any] = list(Lead.Status.choices)
    else:
        choices = import_string(settings.LEAD_ACTIONS[action][0])()
    data = request.POST if request.POST.get("sure") == "1" else None
    return TargetForm(data, label=label, choices=choices)


def _act(request: HttpRequest, action: str, target: str, picked: Any) -> HttpResponse:
    actor = audit.actor_of(request)
    if picked.count > bulk.AT_ONCE:
        job = bulk.enqueue(action, target, ids=picked.ids, query=picked.query, total=picked.count, actor=actor)
        return redirect("leads-job", job.pk)
    ids = list(picked.rows.order_by("pk").values_list("pk", flat=True))
    changed, skipped = bulk.act(action, target, ids, now=clock.now(), actor=actor)
    if action == bulk.DELETE and request.user.may(Role.ADMIN):  # type: ignore[union-attr]
        undo.offer(request, _told(changed, skipped, "deleted"), reverse("leads-restore"), ids=ids)
    else:
        messages.success(request, _told(changed, skipped))
    return redirect("lead", ids[0]) if len(ids) == 1 and action != bulk.DELETE else redirect("leads")


@require_POST
@needs(Role.ADMIN)
def restore(request: HttpRequest) -> HttpResponse:
    """Bring the selected deleted leads back, except whose address another lead has by now."""
    picked = DeletedList.selection(request)
    if not picked.count:
        messages.error(request, "Select at least one lead first.")
        return redirect("leads-deleted")
    actor = audit.actor_of(request)
    if picked.count > bulk.AT_ONCE:
        job = bulk.enqueue(bulk.RESTORE, "", ids=picked.ids, query=picked.query, total=picked.count, actor=actor)
        return redirect("leads-job", job.pk)
    ids = list(picked.rows.order_by("pk").values_list("pk", flat=True))
    changed, skipped = bulk.act(bulk.RESTORE, "", ids, now=clock.now(), actor=actor)
    messages.success(request, _told(changed, skipped, "back"))
    return redirect("leads-deleted")


def _told(changed: int, skipped: dict[str, int], done: str = "changed") -> str:
    left_out = "; ".join(f"{number(count)} {reason}" for reason, count in skipped.items())
    return f"{plural(changed, 'lead')} {done}." + (f" Left out: {left_out}." if left_out else "")


@needs(Role.VIEWER)
def job(request: HttpRequest, pk: str) -> HttpResponse:
    """How far a change of many leads is, polled every two seconds."""
    found = get_object_or_404(Job, pk=pk, kind=bulk.KIND)
    is_open = found.status in {Job.Status.QUEUED, Job.Status.RUNNING}
    told = _told(found.result.get("changed", 0), found.result.get("skipped", {}))
    context = {"job": found, "is_open": is_open, "told": told}
    return live(request, "leads/job.html", "live", context)


@require_POST
@needs(Role.OPERATOR)
def stop_job(request: HttpRequest, pk: str) -> HttpResponse:
    found = get_object_or_404(Job, pk=pk, kind=bulk.KIND)
    if jobs.request_stop(found):
        messages.success(request, "The change stops after the leads in hand. What is done stays done.")
    return redirect("leads-job", found.pk)
