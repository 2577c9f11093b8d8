"""Pages of attempts: the list, and one attempt with its message, the facts that decided and what came back."""

from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from campaigns import wording
from campaigns.by_hand import may_be_repeated
from campaigns.call_outcomes import lasted
from campaigns.filters import AttemptFilters, campaign_choices, provider_choices, reason_choices
from campaigns.models import ContactAttempt, Script
from campaigns.outcomes import outcome
from campaigns.reasons import sentence_of
from campaigns.sms import sms_size
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.auth.roles import needs
from retention_center.lib import ids
from retention_center.lib.channels import Channel
from retention_center.models import Role
from retention_center.pages import words
from retention_center.pages.chips import Chip
from retention_center.pages.columns import Column, Preset
from retention_center.pages.lists import ListPage
from retention_center.pages.statuses import status_of

MOST_EVENTS = 100
SPOKEN = ("summary", "transcript", "recordingUrl")  # of a call's result


class AttemptList(ListPage):
    """Every attempt, newest first."""

    name, title, one, many = "attempts", "Attempts", "attempt", "attempts"
    filterset_class = AttemptFilters
    filter_choices = {"campaignId": campaign_choices, "provider": provider_choices, "reason": reason_choices}
    cells = "attempts/_cells.html"
    columns = (
        Column("lead", "Lead", value=lambda row: str(row.lead or "erased lead"), place="lead"),
        Column("channel", "Channel", sort="channel"),
        Column("status", "Status", sort="status", place="state"),
        Column("reason", "What came of it", sort="reason", value=outcome, place="reason"),
        Column("script", "Script", value=lambda row: str(row.script or "")),
        Column("campaign", "Campaign", value=lambda row: str(row.campaign or ""), is_extra=True),
        Column("provider", "Provider", sort="provider"),
        Column("cost", "Cost", sort="cost", is_end=True, is_extra=True),
        Column("started", "When", sort="started_at", value=lambda row: row.started_at),
    )
    default_sort = "-started"
    presets = (
        Preset("Failed", "status=FAILED,BOUNCED"),
        Preset("Unknown", "status=UNKNOWN"),
        Preset("In flight", "status=PENDING"),
    )
    search_hint = "Lead, or the provider's reference"
    template_name = "attempts/list.html"

    def rows(self) -> QuerySet[ContactAttempt]:
        return ContactAttempt.objects.select_related("lead", "script", "campaign").defer(
            "message", "policy_snapshot", "script__content", "campaign__meta", "lead__meta"
        )

    @cached_property
    def chips(self) -> list[Chip]:
        """Leads and scripts come as ids in links; here they have names."""
        models: dict[str, type[Lead] | type[Script]] = {"Lead": Lead, "Script": Script}
        chips = []
        for chip in super().chips:
            named = models.get(chip.name)
            rows = named._default_manager.filter(pk__in=chip.value.split(" or ")) if named else []
            chips.append(replace(chip, value=" or ".join(map(str, rows)) or chip.value) if named else chip)
        return chips


@needs(Role.VIEWER)
def attempt_page(request: HttpRequest, pk: str) -> HttpResponse:
    """One attempt: its message, why it was allowed, what came back."""
    rows = ContactAttempt.objects.select_related("lead", "script", "campaign")
    attempt = get_object_or_404(rows, pk=pk)
    execution = attempt.step_executions.select_related("sequence", "step").first()
    message = attempt.message
    context = {
        "attempt": attempt,
        "crumbs": [{"label": "Attempts", "href": reverse("attempts")}, {"label": str(attempt), "href": ""}],
        "outcome": outcome(attempt),
        "message": message,
        "again_token": _again_token(request, attempt),
        "html_url": reverse("attempt-html", args=[pk]) if message.get("html") else "",
        "sms": sms_size(message.get("text", "")) if attempt.channel == Channel.SMS else None,
        "decided": wording.snapshot(attempt.policy_snapshot),
        "events": _events(attempt),
        "facts": _facts(attempt, execution),
        "call": _call(attempt),
        "result": _result(attempt),
    }
    return render(request, "attempts/detail.html", context)


def _again_token(request: HttpRequest, attempt: ContactAttempt) -> str:
    """Names one press of *Send again*; blank where there is nothing to press."""
    may = request.user.may(Role.OPERATOR) and may_be_repeated(attempt)  # type: ignore[union-attr]
    return ids.new_id() if may else ""


def _facts(attempt: ContactAttempt, execution: Any) -> list[tuple[str, ...]]:
    facts: list[tuple[str, ...]] = []
    if attempt.lead:
        facts.append(("Lead", str(attempt.lead), attempt.lead.get_absolute_url()))
    facts.append(("To", attempt.address or "erased"))
    if attempt.script:
        facts.append(("Script", str(attempt.script), attempt.script.get_absolute_url()))
    if attempt.campaign:
        facts.append(("Campaign", str(attempt.campaign), attempt.campaign.get_absolute_url()))
    if execution:
        sequence = execution.sequence
        facts.append(("Sequence", f"{sequence}, step {execution.step.step_order}", sequence.get_absolute_url()))
    facts.append(("Provider", attempt.provider or "none"))
    facts.append(("Its reference", attempt.provider_ref or "none"))
    facts.append(("Try", str(attempt.try_no)))
    if attempt.duration is not None:
        facts.append(("Duration", lasted(attempt.duration)))
    if attempt.cost is not None:
        facts.append(("Cost", words.money(attempt.cost, attempt.currency)))
    return facts


def _call(attempt: ContactAttempt) -> dict[str, str]:
    """What was said on a call, and where it can be heard; empty for what is no call, or where nothing is kept."""
    if attempt.channel != Channel.CALL:
        return {}
    said = {name: str(attempt.result.get(name) or "") for name in SPOKEN}
    if urlsplit(said["recordingUrl"]).scheme not in {"http", "https"}:
        said["recordingUrl"] = ""
    return said if any(said.values()) else {}


def _result(attempt: ContactAttempt) -> list[tuple[str, Any]]:
    """The provider's facts as they came, but for what has a place of its own."""
    elsewhere = SPOKEN if attempt.channel == Channel.CALL else ()
    told = sorted(attempt.result.items())
    return [(name, value) for name, value in told if value not in (None, "", False) and name not in elsewhere]


def _events(attempt: ContactAttempt) -> list[dict[str, Any]]:
    """What happened to it, newest first: written down, handed over, each report, ended."""
    told: list[dict[str, Any]] = []
    if attempt.called_at:
        told.append(
            {"at": attempt.called_at, "mark": "open-ring", "tone": "move", "text": f"Handed to {attempt.provider}"}
        )
    told += map(_report, _reports(attempt))
    if attempt.completed_at:
        shown = status_of("ContactAttempt", attempt.status)
        why = sentence_of(attempt.reason) if attempt.reason else ""
        told.append(
            {"at": attempt.completed_at, "mark": shown.shape, "tone": shown.tone, "text": shown.word, "detail": why}
        )
    told.sort(key=lambda event: event["at"], reverse=True)
    told.append({"at": attempt.recorded_at, "mark": "dashed-ring", "text": "Written down, before anything was sent"})
    return [event | {"day": words.day(event["at"])} for event in told]


def _reports(attempt: ContactAttempt) -> QuerySet[InboundEvent]:
    """What the provider told of it, by our id or by its own reference."""
    ours = Q(attempt_id=attempt.pk)
    if attempt.provider_ref:
        ours |= Q(provider_ref=attempt.provider_ref)
    since = {"provider": attempt.provider, "received_at__gte": attempt.recorded_at}
    return InboundEvent.objects.filter(ours, **since).order_by("received_at")[:MOST_EVENTS]


def _report(event: InboundEvent) -> dict[str, Any]:
    word = str(event.facts.get("status") or event.kind)
    shown = status_of("ContactAttempt", word) if event.kind == "delivery" else status_of("Check", "OK")
    text = f"{event.provider} reported: {shown.word.lower()}" if event.kind == "delivery" else f"A {event.kind} came in"
    detail = str(
        next((event.facts[name] for name in ("text", "what", "reason") if event.facts.get(name)), event.reason)
    )
    return {"at": event.received_at, "mark": shown.shape, "tone": shown.tone, "text": text, "detail": detail}
