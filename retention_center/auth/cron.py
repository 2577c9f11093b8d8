"""The one token of settings for other machines' timers and monitors."""

import hmac
from typing import Any

from django.conf import settings


def carries_cron_token(request: Any) -> bool:
    """Whether the request has ``Authorization: Bearer <CRON_TOKEN>``; never while CRON_TOKEN is not set."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = settings.CRON_TOKEN
    if not expected or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode("utf-8", "replace"), expected.encode())
