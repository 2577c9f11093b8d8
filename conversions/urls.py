"""Addresses of this app."""

from typing import Any

from django.urls import include, path

urlpatterns: list[Any] = [
    path("", include("conversions.report_urls")),
    path("", include("conversions.page_urls")),
    path("", include("conversions.inbox_urls")),
]
