"""Every address under /api/, app by app; none ends in a slash."""

from django.urls import include, path, re_path

from retention_center.api.docs import DocsView, SchemaView
from retention_center.api.ground import ApiKeyViewSet, AuditViewSet, JobViewSet
from retention_center.api.routing import routes
from retention_center.api.unknown import UnknownAddress

urlpatterns = [
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(), name="api-docs"),
    *routes("jobs", JobViewSet),
    *routes("api-keys", ApiKeyViewSet),
    *routes("audit", AuditViewSet),
    path("", include("leads.api_urls")),
    path("", include("campaigns.api_urls")),
    path("", include("sequences.api_urls")),
    path("", include("conversions.api_urls")),
    path("", include("integrations.api_urls")),
    re_path(r"^.*$", UnknownAddress.as_view()),
]
