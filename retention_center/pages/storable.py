"""Text that no database takes (NUL, half characters) is answered before a page looks anything up by it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from retention_center.api.text import SENTENCE, is_storable
from retention_center.pages.errors import problem_page


class StorableMiddleware:
    """404 for such an address, 400 for such a value of a form or query. The API refuses them by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_storable(request.path):
            return problem_page(request, "404")
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """After the check against forged forms, which reads the body first."""
        if request.path.startswith("/api/"):
            return None
        given = [*request.GET.lists(), *(request.POST.lists() if request.method == "POST" else ())]
        if all(is_storable(text) for name, values in given for text in (name, *values)):
            return None
        return problem_page(request, "400", SENTENCE)
