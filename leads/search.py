"""Leads for the global search: by name, e-mail, phone or external id."""

from leads.models import Lead
from leads.searching import finding
from retention_center.search import Hit


def find(query: str, limit: int) -> list[Hit]:
    """The newest leads that match; one query."""
    leads = finding(Lead.objects.present(), query).order_by("-created_at", "-id")[:limit]
    return [Hit("Leads", str(lead), _detail(lead), lead.get_absolute_url()) for lead in leads]


def _detail(lead: Lead) -> str:
    contact = lead.email or lead.phone or ""
    return contact if str(lead) != contact else lead.get_status_display()
