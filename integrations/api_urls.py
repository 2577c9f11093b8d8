"""Addresses of this app under /api/."""

from typing import Any

from django.urls import path, re_path

from integrations.api import IntegrationsView, IntegrationTestView, IntegrationView
from integrations.instantly_webhooks import instantly_event
from integrations.twilio_webhooks import twilio_inbound, twilio_status
from integrations.vapi_webhooks import vapi_message
from integrations.webhooks import keitaro_postback

urlpatterns: list[Any] = [
    path("integrations", IntegrationsView.as_view(), name="api-integrations"),
    path("integrations/<str:provider>", IntegrationView.as_view(), name="api-integration"),
    path("integrations/<str:provider>/test", IntegrationTestView.as_view(), name="api-integration-test"),
    # With or without a slash: a redirect would turn a POST into a GET
    re_path(r"^webhooks/keitaro/?$", keitaro_postback, name="webhook-keitaro"),
    re_path(r"^webhooks/twilio/status/?$", twilio_status, name="webhook-twilio-status"),
    re_path(r"^webhooks/twilio/inbound/?$", twilio_inbound, name="webhook-twilio-inbound"),
    re_path(r"^webhooks/instantly/?$", instantly_event, name="webhook-instantly"),
    re_path(r"^webhooks/vapi/?$", vapi_message, name="webhook-vapi"),
]
