"""Addresses of a view set, without a trailing slash."""

from typing import Any

from django.urls import URLPattern
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ViewSetMixin


def routes(prefix: str, viewset: type[ViewSetMixin]) -> list[URLPattern | Any]:
    """``routes("leads", LeadViewSet)``: /leads, /leads/{id} and the set's ``@action``s, as far as it has the verbs.

    The names are "api-leads-list", "api-leads-detail" and "api-leads-<action>".
    """
    router = SimpleRouter(trailing_slash=False, use_regex_path=False)
    router.register(prefix, viewset, basename=f"api-{prefix}")
    return router.urls
