"""Addresses of campaigns under /api/."""

from django.urls import path

from campaigns.api.ab_tests import ABTestViewSet
from campaigns.api.attempts import AttemptViewSet
from campaigns.api.campaigns import CampaignLeadViewSet, CampaignViewSet
from campaigns.api.contacts import ContactView
from campaigns.api.instantly import PullStatsView, PushLeadsView, SyncView
from campaigns.api.rules import PauseView, PolicyView, ReasonsView
from campaigns.api.scripts import ScriptViewSet
from retention_center.api.routing import routes

_leads = CampaignLeadViewSet.as_view({"get": "list", "post": "assign", "delete": "remove"})

urlpatterns = [
    path("campaigns/<str:id>/leads", _leads, name="api-campaign-leads"),
    path("campaigns/<str:id>/instantly/sync", SyncView.as_view(), name="api-campaign-instantly-sync"),
    path("campaigns/<str:id>/instantly/push-leads", PushLeadsView.as_view(), name="api-campaign-instantly-push"),
    path("campaigns/<str:id>/instantly/pull-stats", PullStatsView.as_view(), name="api-campaign-instantly-pull"),
    *routes("campaigns", CampaignViewSet),
    *routes("scripts", ScriptViewSet),
    *routes("attempts", AttemptViewSet),
    *routes("ab-tests", ABTestViewSet),
    path("leads/<str:id>/contact", ContactView.as_view(), name="api-lead-contact"),
    path("policy", PolicyView.as_view(), name="api-policy"),
    path("pause", PauseView.as_view(), name="api-pause"),
    path("reasons", ReasonsView.as_view(), name="api-reasons"),
]
