"""The catch-up desk: what waits for staff, what becomes of it, and the one button that decides."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from campaigns.held import Group
from campaigns.models import ContactPolicy
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.models import Job, Role
from retention_center.pages import errors
from retention_center.pages.words import plural
from sequences import catching_up, waiting
from sequences.catching_up import Choice, How, Released
from sequences.models import SequenceStepExecution
from sequences.views import beats

LEAVE = "leave"
LABELS = {How.SPREAD: "Release", How.NEXT_WINDOW: "Next window", How.SKIP: "Skip"}
VERBS = {How.SPREAD: "release", How.NEXT_WINDOW: "move", How.SKIP: "skip"}
DONE = {How.SPREAD: "released", How.NEXT_WINDOW: "moved", How.SKIP: "skipped"}
HOURS = (1, 2, 4, 8, 24)
CONFIRMED_ABOVE = 100
JOBS_SHOWN = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """One group on the desk, with what is chosen for it."""

    group: Group
    how: str
    choices: list[dict[str, Any]]

    @property
    def key(self) -> str:
        return key_of(self.group)

    @property
    def channels(self) -> str:
        """ "SMS 402, E-mail 301"."""
        return ", ".join(f"{Channel(name).label} {count:,}" for name, count in self.group.by_channel.most_common())

    @property
    def href(self) -> str:
        """The steps or places themselves."""
        if self.group.is_campaign:
            places = reverse("campaign-leads", args=[self.group.owner.pk])
            return f"{places}?{urlencode({'heldReason': self.group.reason})}"
        rows = reverse("sequence-executions", args=[self.group.owner.pk])
        return f"{rows}?{urlencode({'state': 'held', 'reason': self.group.reason})}"


@dataclass(frozen=True)
class Decision:
    """What the button does with one group."""

    owner: str  # the id of a sequence or of a campaign
    reason: str
    how: How

    @property
    def choice(self) -> Choice:
        return Choice(sequences=(self.owner,), campaigns=(self.owner,), reasons=(self.reason,))

    def __str__(self) -> str:
        return f"{self.owner}.{self.reason}:{self.how}"


def key_of(group: Group) -> str:
    return f"{group.owner.pk}.{group.reason}"


@require_http_methods(["GET", "HEAD", "POST"])
@needs(Role.VIEWER, write=Role.OPERATOR)
def catch_up(request: HttpRequest) -> HttpResponse:
    """Everybody may look; operators decide."""
    if request.method == "POST":
        return _decide(request)
    return _desk(request)


def _desk(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    groups = waiting.survey(now)
    hours = _hours(request.GET.get("hours", ""))
    chosen = {key_of(group): _how(request.GET.get(key_of(group), "")) for group in groups}
    rows = [Row(group, chosen[key_of(group)], _choices(group, chosen, hours)) for group in groups]
    counts = Counter({how: sum(row.group.waiting for row in rows if row.how == how) for how in How})
    decisions = [Decision(row.group.owner.pk, row.group.reason, How(row.how)) for row in rows if row.how != LEAVE]
    context = {
        "rows": rows,
        "total": sum(group.waiting for group in groups),
        "no_longer_right": sum(group.no_longer_right for group in groups),
        "still_right": sum(group.still_right for group in groups),
        "elsewhere": waiting.held_elsewhere(),
        "hours": hours,
        "spans": [{"label": f"{n} h", "href": _address(chosen, n), "is_current": n == hours} for n in HOURS],
        "decisions": decisions,
        "button": in_words(counts),
        "may_decide": request.user.may(Role.OPERATOR),  # type: ignore[union-attr]
        "late_after": ContactPolicy.load().late_after_hours,
        "beats": beats.of_last_day(now),
        "jobs": _jobs(now),
    }
    return render(request, "sequences/catch_up.html", context)


def _choices(group: Group, chosen: dict[str, str], hours: int) -> list[dict[str, Any]]:
    key = key_of(group)
    labels = [*LABELS.items(), (LEAVE, "Leave")]
    return [
        {"label": label, "href": _address(chosen | {key: str(how)}, hours), "is_current": chosen[key] == how}
        for how, label in labels
    ]


def _address(chosen: dict[str, str], hours: int) -> str:
    """All that is chosen stands in the address, so that the page needs no script."""
    kept = {key: how for key, how in chosen.items() if how != How.SPREAD}
    return "?" + urlencode(kept | {"hours": hours})


def _how(text: str) -> str:
    return text if text in {*How, LEAVE} else str(How.SPREAD)


def _hours(text: str) -> int:
    return int(text) if text in {str(n) for n in HOURS} else int(catching_up.DEFAULT_HOURS)


def in_words(counts: Counter[Any], verbs: dict[How, str] = VERBS) -> str:
    """ "Release 1,242, move 171, skip 200"; nothing when nothing is chosen."""
    said = ", ".join(f"{verbs[how]} {counts[how]:,}" for how in How if counts[how])
    return said[:1].upper() + said[1:]


def _jobs(now: datetime) -> list[Job]:
    recent = Job.objects.filter(kind=catching_up.JOB, created_at__gt=now - JOBS_SHOWN)
    return list(recent.order_by("-created_at", "-pk")[:5])


# Deciding ------------------------------------------------------------------------------------------------------------


def _decide(request: HttpRequest) -> HttpResponse:
    decisions = _decisions(request.POST.getlist("decide"))
    if decisions is None:
        return errors.problem_page(request, "400", "This decision cannot be read; open the desk again.")
    hours = _hours(request.POST.get("hours", ""))
    counts: Counter[How] = Counter()
    for decision in decisions:
        counts[decision.how] += catching_up.count_of(decision.choice)
    if counts.total() > CONFIRMED_ABOVE and "confirmed" not in request.POST:
        context = {"decisions": decisions, "hours": hours, "button": in_words(counts), "counts": dict(counts)}
        return render(request, "sequences/catch_up_confirm.html", context)
    _carry_out(request, decisions, hours)
    return redirect("catch-up")


def _decisions(texts: Sequence[str]) -> list[Decision] | None:
    """As the page's form sends them: "owner.reason:how"."""
    found = []
    for text in texts:
        key, _colon, how = text.rpartition(":")
        owner, _dot, reason = key.partition(".")
        if how not in set(How) or not owner or not reason:
            return None
        found.append(Decision(owner, reason, How(how)))
    return found


def _carry_out(request: HttpRequest, decisions: Sequence[Decision], hours: int) -> None:
    actor, now = audit.actor_of(request), clock.now()
    done: Counter[How] = Counter()
    left_out: Counter[str] = Counter()
    queued = 0
    for decision in decisions:
        released, job = catching_up.release(decision.choice, decision.how, hours=hours, now=now, actor=actor)
        if released is not None:
            done[decision.how] += released.changed
            left_out.update(released.left_out)
        queued += (job.total or 0) if job else 0
    if queued:
        messages.info(request, f"{plural(queued, 'contact')} are being worked through; this page tells how far it is.")
    if done.total() or not queued:
        said = in_words(done, {how: f"{word}:" for how, word in DONE.items()})
        messages.success(request, f"{said or 'Nothing of it waited any more'}.{_left(left_out)}")


def _left(left_out: Counter[str]) -> str:
    never = left_out[catching_up.NO_WINDOW]
    return f" {plural(never, 'lead has', 'leads have')} no contact hour left and stay held." if never else ""


@require_POST
@needs(Role.OPERATOR)
def held_step(request: HttpRequest, pk: str) -> HttpResponse:
    """Decide about one step, on the page of its enrollment."""
    step = get_object_or_404(SequenceStepExecution.objects.select_related("enrollment"), pk=pk)
    how = request.POST.get("how", "")
    if how not in set(How):
        return errors.problem_page(request, "400", "Say whether to release the step, to move it or to skip it.")
    choice = Choice(ids=(step.pk,))
    released, _job = catching_up.release(choice, How(how), hours=0, now=clock.now(), actor=audit.actor_of(request))
    messages.success(request, _told_of_one(How(how), released or Released()))
    return redirect(step.enrollment)


def _told_of_one(how: How, released: Released) -> str:
    if released.left_out[catching_up.NO_WINDOW]:
        return "No contact hour is left for this lead, so the step stays held."
    if not released.changed:
        return "The step did not wait any more."
    if how == How.SKIP:
        return "The step is skipped." + (" It was the last one." if released.completed else "")
    return "The step is released; every rule is asked again before it leaves."
