"""Addresses of this app."""

from typing import Any

from django.urls import path

from integrations import views

urlpatterns: list[Any] = [
    path("integrations/", views.integration_list, name="integrations"),
    path("integrations/keitaro/secret/", views.keitaro_secret, name="keitaro-secret"),
    path("integrations/<slug:provider>/", views.integration, name="integration"),
    path("integrations/<slug:provider>/try/", views.integration_try, name="integration-try"),
    path("integrations/<slug:provider>/test/", views.integration_test, name="integration-test"),
]
