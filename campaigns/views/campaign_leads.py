"""The leads in a campaign, and adding more: by selection, or all that match a search."""

from functools import cached_property
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from campaigns import assigning
from campaigns.filters import CampaignLeadFilters, ending_choices, source_choices
from campaigns.models import Campaign, CampaignLead
from campaigns.views.campaigns import tabs
from leads.filters import LeadFilter
from leads.models import Lead
from retention_center import audit, jobs
from retention_center.auth.roles import needs
from retention_center.lib import clock
from retention_center.models import Role
from retention_center.pages import undo
from retention_center.pages.columns import BulkAction, Column, Preset
from retention_center.pages.lists import ListPage
from retention_center.pages.words import plural

AT_ONCE = 5_000  # more leads than this are worked off by a job
UNDONE_AT_ONCE = 200  # the message that offers to take them out again names each


class _OfCampaign(ListPage):
    """A list below /campaigns/{id}/; its bulk action stands below it too."""

    action: ClassVar[BulkAction]

    @cached_property
    def campaign(self) -> Campaign:
        return get_object_or_404(Campaign, pk=self.kwargs["pk"])

    @property
    def allowed_bulk_actions(self) -> list[tuple[BulkAction, str]]:
        if not self.user.may(self.action.role):
            return []
        return [(self.action, reverse(self.action.route, args=[self.campaign.pk]))]

    def extra_context(self) -> dict[str, Any]:
        crumbs = [
            {"label": "Campaigns", "href": reverse("campaigns")},
            {"label": str(self.campaign), "href": self.campaign.get_absolute_url()},
            {"label": self.title, "href": ""},
        ]
        return {"campaign": self.campaign, "crumbs": crumbs}


class CampaignLeads(_OfCampaign):
    """Who is in the campaign, and how far each is."""

    name, title, one, many = "campaign-leads", "Leads", "lead", "leads"
    filterset_class = CampaignLeadFilters
    filter_choices = {"reason": ending_choices}
    cells = "campaigns/_lead_cells.html"
    columns = (
        Column("lead", "Lead", sort=("lead__last_name", "lead__first_name"), value=str, place="lead"),
        Column("status", "In the campaign", sort="status", place="state"),
        Column("next", "Next contact", sort="due_at", value=lambda row: row.due_at, place="reason"),
        Column("done", "Contacts", value=lambda row: len(row.done)),
        Column("lead_status", "Lead's status", sort="lead__status", value=lambda row: row.lead.status),
        Column("reason", "Why it ended", sort="reason"),
        Column("assigned", "Assigned", sort="assigned_at", value=lambda row: row.assigned_at),
        Column("completed", "Ended", sort="completed_at", value=lambda row: row.completed_at, is_extra=True),
    )
    default_sort = "-assigned"
    presets = (
        Preset("Waiting", "status=PENDING"),
        Preset("Contacted", "status=CONTACTED"),
        Preset("Completed", "status=COMPLETED"),
    )
    search_hint = "Name, e-mail or phone"
    template_name = "campaigns/leads.html"
    action = BulkAction("Remove from campaign", "campaign-leads-remove", is_danger=True)

    def rows(self) -> QuerySet[CampaignLead]:
        return CampaignLead.objects.filter(campaign=self.campaign).select_related("lead", "campaign")

    def extra_context(self) -> dict[str, Any]:
        total = self.campaign.campaign_leads.count()
        return super().extra_context() | {"tabs": tabs(self.campaign, "leads", total)}


class AddLeads(_OfCampaign):
    """Leads that are not in the campaign yet."""

    name, title, one, many = "campaign-add-leads", "Add leads", "lead", "leads"
    filterset_class = LeadFilter
    filter_choices = {"source": source_choices}
    cells = "campaigns/_add_cells.html"
    columns = (
        Column("lead", "Lead", sort=("last_name", "first_name"), value=str, place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("source", "Source", sort="source"),
        Column("created", "Made", sort="created_at", value=lambda row: row.created_at),
    )
    default_sort = "-created"
    search_hint = "Name, e-mail or phone"
    template_name = "campaigns/add_leads.html"
    action = BulkAction("Add to campaign", "campaign-leads-assign")
    needed_role = Role.OPERATOR

    def rows(self) -> QuerySet[Lead]:
        return Lead.objects.present().exclude(campaign_leads__campaign=self.campaign)


@require_POST
@needs(Role.OPERATOR)
def campaign_leads_assign(request: HttpRequest, pk: str) -> HttpResponse:
    """Put the selected leads into the campaign."""
    campaign = get_object_or_404(Campaign, pk=pk)
    picked = AddLeads.selection(request, pk=pk)
    if not picked.count:
        messages.error(request, "Select the leads to add.")
        return redirect("campaign-leads-add", pk)
    ids = list(picked.rows.order_by("pk").values_list("pk", flat=True))
    if len(ids) > AT_ONCE:
        arguments = {"campaign": pk, "query": picked.query}
        jobs.enqueue("assign_leads", arguments, by=request.user, total=len(ids))  # type: ignore[arg-type]
        messages.success(request, f"{plural(len(ids), 'lead')} are being added; the list below fills as they come.")
        return redirect("campaign-leads", pk)
    result = assigning.assign(campaign, ids, clock.now(), audit.actor_of(request))
    if len(ids) <= UNDONE_AT_ONCE:
        places = list(campaign.campaign_leads.filter(lead__in=ids).values_list("pk", flat=True))
        undo.offer(request, _told(result, campaign), reverse("campaign-leads-remove", args=[pk]), ids=places)
    else:
        messages.success(request, _told(result, campaign))
    return redirect("campaign-leads", pk)


def _told(result: assigning.Assigned, campaign: Campaign) -> str:
    said = f"{plural(result.assigned, 'lead')} added to {campaign}"
    skipped = f"; {plural(result.skipped, 'was', 'were')} in it already or deleted" if result.skipped else ""
    return f"{said}{skipped}."


@require_POST
@needs(Role.OPERATOR)
def campaign_leads_remove(request: HttpRequest, pk: str) -> HttpResponse:
    """Take the selected leads out of the campaign; their attempts stay."""
    campaign = get_object_or_404(Campaign, pk=pk)
    picked = CampaignLeads.selection(request, pk=pk)
    ids = list(picked.rows.order_by("lead_id").values_list("lead_id", flat=True))
    removed = assigning.remove(campaign, ids, audit.actor_of(request))
    if removed:
        messages.success(request, f"{plural(removed, 'lead')} removed from {campaign}. Their attempts stay.")
    else:
        messages.error(request, "Select the leads to remove.")
    return redirect("campaign-leads", pk)
