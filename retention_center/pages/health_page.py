"""The health page: does it run, what waits, what did the doctor find. Whoever signs in may read it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from retention_center import examining, health, jobs
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import DoctorRun, Heartbeat, Job, Role, User
from retention_center.pages.partials import is_partial

BEATS_SHOWN = timedelta(hours=1)


@dataclass(frozen=True)
class Sign:
    """One sign of health: what, how much or when, the rows behind it, and what it means when it is not good."""

    label: str
    value: int | datetime | None
    tone: str = "good"  # good, hold or bad
    href: str = ""
    meaning: str = ""

    @property
    def is_time(self) -> bool:
        return not isinstance(self.value, int)


@require_safe
@never_cache
@vary_on_headers("HX-Request")
@needs(Role.VIEWER)
def health_page(request: HttpRequest) -> HttpResponse:
    """A whole page, or the running examination alone."""
    if is_partial(request):
        return render(request, "pages/health.html#examination", _examination())
    now = clock.now()
    context = _examination() | {
        "workers": _workers(now),
        "groups": [(title, import_string(path)(now)) for title, path in settings.HEALTH_SIGNS.items()],
        "may_run": isinstance(request.user, User) and request.user.may(Role.OPERATOR),
        "standing": import_string(settings.STOPPED)(),
    }
    return render(request, "pages/health.html", context)


@require_POST
@needs(Role.OPERATOR)
def examine(request: HttpRequest) -> HttpResponse:
    """Let the doctor look now, as a job; one that is under way is enough."""
    if not _running():
        jobs.enqueue(examining.JOB, {}, by=request.user if isinstance(request.user, User) else None)
        messages.success(request, "The doctor looks at the whole database; the findings will stand here.")
    return redirect("health")


def _examination() -> dict[str, Any]:
    return {"job": _running(), "run": DoctorRun.objects.first()}


def _running() -> Job | None:
    open_jobs = Job.objects.filter(kind=examining.JOB, status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    return open_jobs.first()


def _workers(now: datetime) -> list[dict[str, Any]]:
    """The loops that ran within the hour: when last, how long the round took, what they sent in that minute."""
    beats = Heartbeat.objects.filter(at__gte=now - BEATS_SHOWN).order_by("name", "-minute")
    last: dict[str, Heartbeat] = {}
    rounds: dict[str, int] = {}
    for beat in beats:
        last.setdefault(beat.name, beat)
        rounds[beat.name] = rounds.get(beat.name, 0) + beat.rounds
    return [
        {"beat": beat, "rounds": rounds[name], "is_quiet": now - beat.at > health.QUIET} for name, beat in last.items()
    ]
