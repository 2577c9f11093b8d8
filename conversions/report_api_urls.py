"""Addresses of the reports under /api/reports/."""

from django.urls import path

from conversions.report_api import OverviewView

urlpatterns = [path("overview", OverviewView.as_view(), name="api-reports-overview")]
