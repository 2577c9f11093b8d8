"""Addresses of this app under /api/."""

from typing import Any

from django.urls import re_path

from integrations.webhooks import keitaro_postback

urlpatterns: list[Any] = [
    # With or without a slash: a redirect would turn a POST into a GET
    re_path(r"^webhooks/keitaro/?$", keitaro_postback, name="webhook-keitaro"),
]
