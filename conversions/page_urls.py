"""Addresses of the pages of conversions."""

from typing import Any

from django.urls import path

from conversions import views

urlpatterns: list[Any] = [
    path("conversions/", views.ConversionList.as_view(), name="conversions"),
    path("conversions/new/", views.conversion_new, name="conversion-new"),
    path("conversions/<str:pk>/", views.conversion_page, name="conversion"),
    path("conversions/<str:pk>/lead/", views.conversion_lead, name="conversion-lead"),
    path("conversions/<str:pk>/status/", views.conversion_status, name="conversion-status"),
]
