"""The versions of a sequence's steps: what changed, who follows which, and going back to one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.models import Script
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role, User
from sequences import changing, versions
from sequences.changing import CannotChange
from sequences.condition_words import in_words
from sequences.impact import impact_of
from sequences.models import RetentionSequence, SequenceVersion
from sequences.publishing import MovedOn
from sequences.specs import InvalidSteps, spec_of
from sequences.step_changes import changes_between
from sequences.timing import in_words as delay_in_words
from sequences.views import record
from sequences.views.builder import told_published

PAGE = 20
MODE = SequenceVersion.Mode


@require_safe
@needs(Role.VIEWER)
def sequence_versions(request: HttpRequest, pk: str) -> HttpResponse:
    """Every publishing, newest first."""
    sequence = record.find(pk)
    rows = versions.of(sequence)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 9:
        rows = rows.filter(version__lt=int(before))
    found = list(rows[: PAGE + 1])
    context = record.context(request, sequence, "versions", "Versions") | {
        "versions": versions.told(sequence, found[:PAGE]),
        "earlier": found[PAGE - 1].version if len(found) > PAGE else "",
    }
    return render(request, "sequences/versions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def sequence_version(request: HttpRequest, pk: str, version: int) -> HttpResponse:
    """One version's steps, and what publishing them once more would do."""
    sequence = record.find(pk)
    row = sequence.versions.filter(version=version).first()
    if row is None:
        raise Http404
    if request.method == "POST":
        return _roll_back(request, sequence, row)
    return _page(request, sequence, row)


def _roll_back(request: HttpRequest, sequence: RetentionSequence, row: SequenceVersion) -> HttpResponse:
    mode = request.POST.get("mode", MODE.MOVE)
    mode = mode if mode in MODE.values else str(MODE.MOVE)
    people = sequence.open_count  # type: ignore[attr-defined]
    if request.POST.get("live") != str(sequence.version):
        told = f"Version {sequence.version} was published meanwhile. Look once more at what going back would do."
        return _page(request, sequence, row, told, 409)
    try:
        seen, actor = sequence.version, audit.actor_of(request)
        changing.roll_back(sequence, row.version, mode=mode, seen=seen, now=clock.now(), actor=actor)
    except InvalidSteps as bad:
        return _page(request, sequence, row, f"Not published. {bad}", 422)
    except (CannotChange, MovedOn) as refusal:
        return _page(request, sequence, row, str(refusal), 409)
    messages.success(request, f"{told_published(sequence, mode, people)} Its steps are those of version {row.version}.")
    return redirect(sequence)


def _page(
    request: HttpRequest, sequence: RetentionSequence, row: SequenceVersion, problem: str = "", status: int = 200
) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    (told,) = versions.told(sequence, [row])
    may_go_back = user.may(Role.OPERATOR) and not told.is_live and sequence.status != RetentionSequence.Status.ARCHIVED
    crumb = f"Version {row.version}"
    context = record.context(request, sequence, "versions", crumb) | {
        "one": told,
        "steps": _shown_steps(told),
        "problem": problem,
        "may_go_back": may_go_back,
        "next_version": sequence.version + 1,
        "mode": request.POST.get("mode", str(MODE.MOVE)),
    }
    if may_go_back:
        live = list(sequence.live_steps().select_related("script"))
        specs = [spec_of(step) for step in told.steps]
        scripts = Script.objects.in_bulk([spec.script_id for spec in specs if spec.script_id])
        context |= {"impact": impact_of(sequence, specs, scripts), "against_live": changes_between(live, told.steps)}
    return render(request, "sequences/version.html", context, status=status)


def _shown_steps(told: versions.Told) -> list[dict[str, Any]]:
    numbers = {step.key: step.step_order for step in told.steps}
    return [
        {
            "step": step,
            "delay": delay_in_words(step.delay_value, step.delay_unit, is_first=step.step_order == 1),
            "condition": in_words(step.conditions, numbers),
        }
        for step in told.steps
    ]
