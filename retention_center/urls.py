"""Every address, app by app."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("retention_center.pages.urls")),
    path("", include("leads.urls")),
    path("", include("campaigns.urls")),
    path("", include("sequences.urls")),
    path("", include("conversions.urls")),
    path("", include("integrations.urls")),
    path("", include("retention_center.auth.urls")),
    path("", include("retention_center.health_urls")),
    path("api/", include("retention_center.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "retention_center.pages.errors.bad_request"
handler403 = "retention_center.pages.errors.denied"
handler404 = "retention_center.pages.errors.not_found"
handler500 = "retention_center.pages.errors.server_error"
