"""Pages of campaigns: list, detail, form, moves."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns import changing, ledger, stats, wording
from campaigns.api.campaigns import with_lead_count
from campaigns.filters import CampaignFilters
from campaigns.forms import CampaignForm, take_errors
from campaigns.models import Campaign
from campaigns.plan import entries_of
from campaigns.views import instantly
from retention_center import audit
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.states import RefusedTransition
from retention_center.models import Role
from retention_center.pages import errors, undo
from retention_center.pages.columns import Column, Preset
from retention_center.pages.forms import answer_form
from retention_center.pages.lists import ListPage

MOVES = {  # status: the button's word, its icon, what is said afterwards
    "ACTIVE": ("Activate", "play", "is running"),
    "PAUSED": ("Pause", "pause", "is paused"),
    "COMPLETED": ("Complete", "check", "is completed"),
}


class CampaignList(ListPage):
    """Every campaign, newest first."""

    name, title, one, many = "campaigns", "Campaigns", "campaign", "campaigns"
    filterset_class = CampaignFilters
    cells = "campaigns/_cells.html"
    columns = (
        Column("name", "Campaign", sort="name", place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("channels", "Channels", value=lambda row: ", ".join(row.channels)),
        Column("leads", "Leads", sort="lead_count", value=lambda row: row.lead_count, is_end=True),
        Column("starts", "Runs", sort="start_date", value=lambda row: row.start_date, place="reason"),
        Column("created", "Made", sort="created_at", value=lambda row: row.created_at),
    )
    default_sort = "-created"
    presets = (Preset("Active", "status=ACTIVE"), Preset("Draft", "status=DRAFT"), Preset("Paused", "status=PAUSED"))
    search_hint = "Name or description"
    template_name = "campaigns/list.html"

    def rows(self) -> QuerySet[Campaign]:
        return with_lead_count(Campaign.objects.all())


@needs(Role.VIEWER)
def campaign_page(request: HttpRequest, pk: str) -> HttpResponse:
    """What the campaign is, what came of it so far, and what it may do next."""
    campaign = get_object_or_404(Campaign, pk=pk)
    figures = stats.of_campaign(campaign)
    context = {
        "campaign": campaign,
        "crumbs": _crumbs(campaign),
        "tabs": tabs(campaign, "overview", figures.total),
        "moves": moves_of(campaign),
        "figures": figures,
        "accepted": sum(one.accepted for one in figures.channels),
        "attempts": sum(one.total for one in figures.channels),
        "channels": [(Channel(one.channel).label, one) for one in figures.channels if one.total],
        "ledger": ledger.of_campaign(campaign, clock.now(), reverse("campaign-leads", args=[campaign.pk])),
        "rules": wording.narrowing(campaign.meta),
        "instantly": instantly.of_campaign(campaign),
        "may_change": request.user.may(Role.OPERATOR),  # type: ignore[union-attr]
        "entries": entries_of(campaign),
    }
    return render(request, "campaigns/detail.html", context)


def tabs(campaign: Campaign, current: str, leads: int) -> list[dict[str, Any]]:
    """The parts of a campaign's page."""
    return [
        {"label": "Overview", "href": campaign.get_absolute_url(), "is_current": current == "overview", "count": None},
        {
            "label": "Leads",
            "href": reverse("campaign-leads", args=[campaign.pk]),
            "is_current": current == "leads",
            "count": leads,
        },
    ]


def moves_of(campaign: Campaign) -> list[dict[str, str]]:
    """Each move with its word and, where it is not allowed, the reason."""
    allowed = campaign.allowed_moves()
    status = campaign.get_status_display().lower()
    return [
        {"status": to, "word": word, "icon": icon, "refusal": "" if to in allowed else f"A {status} campaign cannot."}
        for to, (word, icon, _said) in MOVES.items()
        if to != campaign.status
    ]


@require_POST
@needs(Role.OPERATOR)
def campaign_move(request: HttpRequest, pk: str) -> HttpResponse:
    """Activate, pause or complete."""
    campaign = get_object_or_404(Campaign, pk=pk)
    status = request.POST.get("status", "")
    if status not in MOVES:
        return errors.problem_page(request, "400", "Say which way the campaign is to move.")
    try:
        was = campaign.status
        changing.move(campaign, status, audit.actor_of(request))
        if {was, status} == {Campaign.Status.ACTIVE, Campaign.Status.PAUSED}:
            undo.offer(request, f"{campaign} {MOVES[status][2]}.", reverse("campaign-move", args=[pk]), status=was)
        else:
            messages.success(request, f"{campaign} {MOVES[status][2]}.")
    except RefusedTransition as refusal:
        return errors.problem_page(request, "409", str(refusal))
    return redirect(campaign)


@needs(Role.OPERATOR)
def campaign_new(request: HttpRequest) -> HttpResponse:
    form = CampaignForm(request.POST or None)
    return answer_form(request, form, "campaigns/form.html", _creator(request), {"crumbs": _crumbs(None, "New")})


@needs(Role.OPERATOR)
def campaign_edit(request: HttpRequest, pk: str) -> HttpResponse:
    campaign = get_object_or_404(Campaign, pk=pk)
    form = CampaignForm(request.POST or None, instance=campaign)
    context = {"crumbs": _crumbs(campaign, "Edit"), "campaign": campaign}

    def save(valid: CampaignForm) -> HttpResponse:
        stored = get_object_or_404(Campaign, pk=pk)
        return _saved(request, valid, lambda: changing.change(stored, valid.values, audit.actor_of(request)))

    return answer_form(request, form, "campaigns/form.html", save, context)


def _creator(request: HttpRequest) -> Any:
    def save(valid: CampaignForm) -> HttpResponse:
        return _saved(request, valid, lambda: changing.create(Campaign(**valid.values), audit.actor_of(request)))

    return save


def _saved(request: HttpRequest, form: CampaignForm, verb: Any) -> HttpResponse:
    try:
        campaign = verb()
    except ValidationError as error:
        take_errors(form, error)
        return HttpResponse(status=422)
    messages.success(request, f"{campaign} is saved.")
    return redirect(campaign)


@require_POST
@needs(Role.OPERATOR)
def campaign_delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Delete a campaign without history; one with history is kept."""
    campaign = get_object_or_404(Campaign, pk=pk)
    try:
        changing.delete(campaign, audit.actor_of(request))
    except changing.HasHistory as refusal:
        return errors.problem_page(request, "409", str(refusal), headline="This campaign is kept")
    messages.success(request, f"{campaign} is deleted.")
    return redirect("campaigns")


def _crumbs(campaign: Campaign | None, last: str = "") -> list[dict[str, str]]:
    crumbs = [{"label": "Campaigns", "href": reverse("campaigns")}]
    crumbs += [{"label": str(campaign), "href": campaign.get_absolute_url()}] if campaign else []
    return crumbs + ([{"label": last, "href": ""}] if last else [])
