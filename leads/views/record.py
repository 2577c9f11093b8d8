"""One lead: what comes next and why, the story, consent, and the few things staff do to it."""

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from leads import consent, intake, next_contact, removing, timeline
from leads.cleaning import OURS_IN_META
from leads.forms import LeadForm
from leads.models import Lead
from leads.views.live import live
from leads.views.reasons import WAYS, zone_of
from retention_center import audit
from retention_center.api.filters import MomentField
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.states import RefusedTransition
from retention_center.models import Role
from retention_center.pages import errors, undo
from retention_center.pages.forms import answer_form
from retention_center.pages.words import plural

LATELY = timedelta(days=14)


@needs(Role.VIEWER)
def lead(request: HttpRequest, pk: str) -> HttpResponse:
    """The lead's page; a deleted lead is shown with the way to bring it back."""
    found = get_object_or_404(timeline.with_bare_enrollments(Lead.objects.all()), pk=pk)
    if found.erased_at:
        raise Http404("This lead was erased; nothing is left to show.")
    now = clock.now()
    kind = request.GET.get("kind", "")
    before = MomentField(required=False)
    try:
        earlier_than = before.to_python(request.GET.get("before", ""))
    except ValidationError:
        raise Http404("There is no such time in the story.") from None
    story = timeline.of(found, kind=kind if kind in timeline.KINDS else "", before=earlier_than)
    planned = next_contact.of(found)
    context = {
        "lead": found,
        "zone": _zone_words(found, now),
        "planned": planned,
        "their_zone": zone_of(found),
        "lately": _lately(story, now),
        "story": story,
        "days": _days(story.past, now),
        "kinds": _kinds(story, kind),
        "kind": kind,
        "ways": _ways(found),
        "facts": _facts(found),
        "meta": [(name, value) for name, value in found.meta.items() if name != "optOut"],
        "open_steps": len(found.open_steps),  # type: ignore[attr-defined]
        "confirmed": _confirmed(found),
    }
    return live(request, "leads/lead.html", "story", context)


@needs(Role.OPERATOR)
def edit(request: HttpRequest, pk: str = "") -> HttpResponse:
    """A new lead, or a change to one: 422 with what was typed, 409 when somebody else saved first."""
    found = get_object_or_404(Lead.objects.present(), pk=pk) if pk else None
    form = LeadForm(request.POST or None, instance=found, initial=None if found else {"status": "NEW"})

    def save(valid: LeadForm) -> HttpResponse:
        actor, now = audit.actor_of(request), clock.now()
        try:
            if found is None:
                added = intake.add(valid.given, actor=actor, now=now)
                messages.success(request, _added(added))
                return redirect(added.lead)
            seen = datetime.fromisoformat(valid.cleaned_data["version"]) if valid.cleaned_data["version"] else None
            saved = intake.change(found, valid.given, actor=actor, now=now, seen=seen)
        except intake.Conflict as conflict:
            valid.add_error(conflict.field, str(conflict))
        except intake.InvalidLead as invalid:
            for problem in invalid.problems:
                valid.add_error(problem.field or None, problem.message)
        except (RefusedTransition, intake.Stale, ValueError) as refusal:
            valid.add_error(None, str(refusal))
        else:
            messages.success(request, f"{saved} is saved.")
            return redirect(saved)
        return HttpResponse()

    return answer_form(request, form, "leads/edit.html", save, {"lead": found})


def _added(added: intake.Added) -> str:
    if added.created:
        return f"{added.lead} is added."
    filled = ", ".join(name.replace("_", " ") for name in added.filled)
    return f"{added.lead} was here already. {f'Filled in: {filled}.' if filled else 'Nothing was changed.'}"


@require_POST
@needs(Role.OPERATOR)
def stop(request: HttpRequest, pk: str) -> HttpResponse:
    """Do not contact: says how many planned contacts it stopped."""
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    stopped = consent.do_not_contact(found, now=clock.now(), actor=audit.actor_of(request))
    told = f"{plural(stopped, 'planned contact')} stopped." if stopped else "Nothing was planned."
    messages.success(request, f"{found} will not be contacted. {told}")
    return redirect(found)


@require_POST
@needs(Role.OPERATOR)
def allow(request: HttpRequest, pk: str) -> HttpResponse:
    """Take every opt-out of the lead back; ended sequences stay ended."""
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    consent.allow_again(found, now=clock.now(), actor=audit.actor_of(request))
    messages.success(request, f"{found} may be contacted again. Sequences that ended stay ended.")
    return redirect(found)


@require_POST
@needs(Role.OPERATOR)
def delete(request: HttpRequest, pk: str) -> HttpResponse:
    found = get_object_or_404(Lead.objects.present(), pk=pk)
    stopped = removing.delete(found, actor=audit.actor_of(request), now=clock.now())
    told = f" {plural(stopped, 'planned contact')} stopped." if stopped else ""
    undo.offer(request, f"{found} is deleted, and erased in 30 days.{told}", reverse("lead-restore", args=[pk]))
    return redirect("leads")


@require_POST
@needs(Role.OPERATOR)
def restore(request: HttpRequest, pk: str) -> HttpResponse:
    found = get_object_or_404(Lead, pk=pk)
    try:
        removing.restore(found, actor=audit.actor_of(request), now=clock.now())
    except (intake.Conflict, RefusedTransition) as refusal:
        return errors.problem_page(request, "409", str(refusal))
    messages.success(request, f"{found} is back. Sequences that ended stay ended.")
    return redirect(found)


@require_POST
@needs(Role.ADMIN)
def erase(request: HttpRequest, pk: str) -> HttpResponse:
    found = get_object_or_404(Lead.objects.filter(erased_at=None), pk=pk)
    removing.erase(found, actor=audit.actor_of(request), now=clock.now())
    messages.success(request, "The lead is erased. What was sent, and when, stays for statistics.")
    return redirect("leads")


# What the page says ----------------------------------------------------------------------------------------------


def _zone_words(lead: Lead, now: datetime) -> str:
    """ "18:14 in Sydney, 9 h ahead of you"; nothing when nobody knows where they are."""
    zone = zone_of(lead)
    if zone is None:
        return ""
    theirs, ours = now.astimezone(zone), timezone.localtime(now)
    hours = ((theirs.utcoffset() or ours.utcoffset()) - ours.utcoffset()).total_seconds() / 3600  # type: ignore[operator]
    place = zone.key.rsplit("/", 1)[-1].replace("_", " ")
    difference = f", {abs(hours):g} h {'ahead of' if hours > 0 else 'behind'} you" if hours else ", as yours"
    return f"{theirs:%H:%M} in {place}{difference}"


def _lately(story: timeline.Story, now: datetime) -> list[timeline.Event]:
    """What was not sent in the last two weeks, the newest first: two at most."""
    since = now - LATELY
    return [event for event in story.past if event.kind == timeline.NOT_SENT and event.at > since][:2]


def _days(events: list[timeline.Event], now: datetime) -> list[tuple[str, list[timeline.Event]]]:
    """The past by day in the reader's zone, newest first, under "Today, Mon 23 Feb"."""
    days: dict[Any, list[timeline.Event]] = {}
    for event in events:
        days.setdefault(timezone.localtime(event.at).date(), []).append(event)
    return [(_day_words(day, timezone.localtime(now).date()), found) for day, found in days.items()]


def _day_words(day: date, today: date) -> str:
    name = f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != today.year else "")
    return f"Today, {name}" if day == today else name


def _kinds(story: timeline.Story, current: str) -> list[dict[str, Any]]:
    return [
        {"label": f"{label} {story.counts[kind]}", "href": f"?kind={kind}", "is_current": kind == current}
        for kind, label in timeline.KINDS.items()
    ]


def _ways(lead: Lead) -> list[dict[str, Any]]:
    """Each way to reach the lead, and what the person said about it; the rules come with the part itself."""
    opted_out = lead.meta.get(OURS_IN_META, {})
    ways = []
    for channel in WAYS:
        address = lead.address_for(channel)
        way = {"channel": channel, "address": address, "status": "", "word": "", "second": ""}
        said = opted_out.get(channel.lower()) or opted_out.get("all")
        if not address:
            way |= {"status": "SKIP", "word": "No address"}
        elif said or lead.status == Lead.Status.DO_NOT_CONTACT:
            source = said.get("source") if said else ""
            way |= {"status": "NO", "word": "No", "second": f"Opted out: {source}" if source else "Do not contact"}
        ways.append(way)
    return ways


def _facts(lead: Lead) -> list[tuple[Any, ...]]:
    source = "set by hand" if lead.time_zone else "from the phone" if lead.phone_zones else "the organisation’s"
    zone = lead.time_zone or next(iter(lead.phone_zones), settings.TIME_ZONE)
    return [
        ("Source", lead.source),
        ("External id", lead.external_id),
        ("Zone", f"{zone}, {source}"),
    ]


def _confirmed(lead: Any) -> Any:
    """Confirmed money by currency."""
    sums: dict[str, Any] = {}
    for conversion in lead.conversions.all():
        if conversion.standing == "confirmed":
            currency = conversion.currency or settings.CURRENCY
            sums[currency] = sums.get(currency, 0) + conversion.revenue
    return list(sums.items())
