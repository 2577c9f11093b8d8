"""Addresses of the dashboard and the reports."""

from django.urls import path

from conversions import report_views as views
from conversions.step_list import StepList

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("today/strip/", views.strip, name="dashboard-strip"),
    path("reports/", views.overview, name="reports"),
    path("reports/steps/", StepList.as_view(), name="steps"),
    path("reports/replies/", views.reply_queue, name="replies"),
    path("reports/replies/<str:pk>/handled/", views.reply_handled, name="reply-handled"),
]
