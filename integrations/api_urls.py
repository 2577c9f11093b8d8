"""Addresses of this app under /api/."""

from typing import Any

from django.urls import path, re_path

from integrations.api import IntegrationsView, IntegrationTestView, IntegrationView
from integrations.webhooks import keitaro_postback

urlpatterns: list[Any] = [
    path("integrations", IntegrationsView.as_view(), name="api-integrations"),
    path("integrations/<str:provider>", IntegrationView.as_view(), name="api-integration"),
    path("integrations/<str:provider>/test", IntegrationTestView.as_view(), name="api-integration-test"),
    # With or without a slash: a redirect would turn a POST into a GET
    re_path(r"^webhooks/keitaro/?$", keitaro_postback, name="webhook-keitaro"),
]
