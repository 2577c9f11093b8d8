"""How much one caller may ask: a bucket per caller in this process's memory, refilled steadily.

Memory, not the shared cache: a limit that protects must not cost a database write per request. With several
web processes a caller therefore gets the rate of each. Sign-in is counted in the shared cache instead
(``auth.limits``).
"""

import threading
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from retention_center.auth.callers import address_of
from retention_center.lib import clock

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_CALLERS = 20_000
_lock = threading.Lock()
_buckets: dict[str, tuple[float, float]] = {}  # caller: tokens left, when


def rate_of(scope: str) -> tuple[int, int]:
    """A rate of settings as (requests, seconds): "60/min" is (60, 60)."""
    rates: Any = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    number, period = rates[scope].split("/")
    return int(number), _SECONDS[period[0]]


def forget() -> None:
    """Empty every bucket (tests)."""
    with _lock:
        _buckets.clear()


class PerCaller(BaseThrottle):
    """Keys and people by who they are, everybody else by address and more strictly."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if request.user is not None and request.user.is_authenticated:
            self.scope, caller = "caller", str(request.user.pk)
        else:
            self.scope, caller = "anonymous", address_of(request)
        self.seconds_to_wait = take(f"{self.scope} {caller}", *rate_of(self.scope))
        return not self.seconds_to_wait

    def wait(self) -> float:
        return self.seconds_to_wait


def take(name: str, most: int, seconds: int) -> float:
    """Take one token from the bucket of that name: 0 when there was one, else the seconds until there is."""
    now = clock.monotonic()
    with _lock:
        if len(_buckets) > _MOST_CALLERS:
            _buckets.clear()
        tokens, then = _buckets.get(name, (float(most), now))
        tokens = min(most, tokens + (now - then) * most / seconds)
        if tokens < 1:
            _buckets[name] = (tokens, now)
            return max((1 - tokens) * seconds / most, 1.0)
        _buckets[name] = (tokens - 1, now)
        return 0.0
