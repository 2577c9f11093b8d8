"""Addresses of this app under /api/."""

from leads.api.imports import ImportViewSet
from leads.api.leads import LeadViewSet
from leads.api.suppressions import SuppressionViewSet
from retention_center.api.routing import routes

urlpatterns = [
    *routes("leads", LeadViewSet),
    *routes("imports", ImportViewSet),
    *routes("suppressions", SuppressionViewSet),
]
