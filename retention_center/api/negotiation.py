"""The API speaks one format, whatever a client says it accepts."""

from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer


class OneFormat(DefaultContentNegotiation):
    """Answers always in the view's first format: an odd Accept header is no reason to refuse."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
