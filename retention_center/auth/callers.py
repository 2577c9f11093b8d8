"""Where a request comes from."""

from typing import Any

from django.conf import settings


def address_of(request: Any) -> str:
    """The caller's IP address; behind a trusted proxy, the one that proxy wrote down last."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.TRUST_PROXY and forwarded:
        return forwarded.rsplit(",", 1)[-1].strip()[:45]
    return request.META.get("REMOTE_ADDR", "")
