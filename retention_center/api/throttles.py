"""How much one caller may ask, counted over all web processes together.

A process counts by itself and tells the shared cache only every so many requests (a twentieth of the limit), since a
limit that protects must not cost a database write per request. Somebody may get ahead by that much for each process.
"""

import threading
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from retention_center.auth.callers import address_of
from retention_center.lib import clock

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_CALLERS = 20_000
_TOLD_OF = 20  # parts of the limit
_lock = threading.Lock()


@dataclass
class _Count:
    """One caller's requests since ``began``: ``shared`` as all processes told, ``own`` not yet told."""

    began: float
    shared: int = 0
    own: int = 0


_counts: dict[str, _Count] = {}


def rate_of(scope: str) -> tuple[int, int]:
    """A rate of settings as (requests, seconds): "60/min" is (60, 60)."""
    rates: Any = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    number, period = rates[scope].split("/")
    return int(number), _SECONDS[period[0]]


def forget() -> None:
    """Forget what this process counted (tests)."""
    with _lock:
        _counts.clear()


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
    """Count one request under that name: 0 when it is within the limit, else the seconds until there is room."""
    now = clock.now().timestamp()
    with _lock:
        if len(_counts) > _MOST_CALLERS:
            _counts.clear()
        count = _counts.get(name)
        if count is None or now >= count.began + seconds:
            count = _counts[name] = _Count(now)
        if count.shared >= most:
            return max(count.began + seconds - now, 1.0)
        count.own += 1
        if count.own < max(most // _TOLD_OF, 1):
            return 0.0
        told, count.own = count.own, 0
    began, shared = _tell(name, told, seconds, count, now)
    with _lock:
        count.began, count.shared = began, shared
    return 0.0 if shared <= most else max(began + seconds - now, 1.0)


def _tell(name: str, told: int, seconds: int, count: _Count, now: float) -> tuple[float, int]:
    """Add to what all processes counted: (when that began, how many there are by now)."""
    key = f"throttle {name}".replace(" ", "-")
    try:
        kept = cache.get(key)
        began, shared = kept if kept and now < kept[0] + seconds else (count.began, 0)
        cache.set(key, (began, shared + told), seconds)
    except DatabaseError:  # a database that takes no writes must not keep callers from reading
        return count.began, count.shared + told
    return began, shared + told
