"""Pages of which one part is asked for again and again."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from retention_center.pages.partials import pick_template


def live(request: HttpRequest, template: str, partial: str, context: dict[str, Any]) -> HttpResponse:
    """The page, or for htmx only its ``partial``; caches are told that the two differ."""
    answer = render(request, pick_template(request, template, partial), context)
    patch_vary_headers(answer, ["HX-Request"])
    return answer
