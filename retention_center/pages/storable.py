"""An address with characters that no database takes (NUL, half characters) is answered before anything is looked up."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from retention_center.api.text import is_storable
from retention_center.pages.errors import problem_page


class StorableMiddleware:
    """404 for such an address: nothing can stand there. Forms and filters refuse such values by themselves."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/") or is_storable(request.path):
            return self.get_response(request)
        return problem_page(request, "404")
