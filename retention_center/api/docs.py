"""The OpenAPI document and its page, both from this server alone and open to anybody."""

from functools import cache
from typing import Any

from django.http import HttpResponse
from django.urls import get_urlconf
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from retention_center.api.permissions import Open

PAGE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],  # Swagger UI writes style attributes
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}


class SchemaView(SpectacularAPIView):
    """The document, as JSON. It follows from the code alone, so each process makes it once."""

    renderer_classes = [OpenApiJsonRenderer]
    authentication_classes: list[Any] = []
    permission_classes = [Open]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(_document(get_urlconf()), content_type=OpenApiJsonRenderer.media_type)


@cache
def _document(_addresses: str | None) -> bytes:
    return OpenApiJsonRenderer().render(SchemaGenerator().get_schema(request=None, public=True))


@method_decorator(csp_override(PAGE_CSP), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """The document as a page to read and to try."""

    url_name = "api-schema"
    authentication_classes: list[Any] = []
    permission_classes = [Open]
