"""Campaigns and scripts by name, for the search at the top of every page."""

from campaigns.models import Campaign, Script
from retention_center.search import Hit


def find(query: str, limit: int) -> list[Hit]:
    """Names that hold the query, newest first; archived scripts are left out."""
    campaigns = Campaign.objects.filter(name__icontains=query)[:limit]
    scripts = Script.objects.filter(name__icontains=query, archived_at=None).defer("content")[:limit]
    return [
        *(Hit("Campaigns", row.name, row.get_status_display(), row.get_absolute_url()) for row in campaigns),
        *(Hit("Scripts", row.name, row.get_type_display(), row.get_absolute_url()) for row in scripts),
    ]
