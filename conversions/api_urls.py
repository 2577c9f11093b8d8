"""Addresses of this app under /api/."""

from typing import Any

urlpatterns: list[Any] = []
