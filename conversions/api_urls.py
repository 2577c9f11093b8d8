"""Addresses of this app under /api/."""

from typing import Any

from django.urls import include, path

from conversions.api import ConversionViewSet
from conversions.inbox_api import InboxViewSet
from conversions.rules_api import ConversionRuleViewSet
from retention_center.api.routing import routes

urlpatterns: list[Any] = [
    *routes("conversions", ConversionViewSet),
    *routes("inbox", InboxViewSet),
    *routes("conversion-rules", ConversionRuleViewSet),
    path("reports/", include("conversions.report_api_urls")),
]
