"""An address that only acts (delete, pause, stop) shows nothing: who opens it is told so, on a page."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from retention_center.pages.errors import problem_page


class ActsMiddleware:
    """Gives a page to the bare "method not allowed" of a view, with its ``Allow`` header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if answer.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.path.startswith("/api/") or answer.content:
            return answer
        page = problem_page(request, "405")
        page.headers["Allow"] = answer.headers["Allow"]
        return page
