"""Each provider's pace, shared by all workers: a token bucket in the database that holds two seconds' worth."""

from collections.abc import Mapping
from datetime import datetime

from integrations import breaker
from integrations.models import ProviderPace

WINDOW_SECONDS = 2.0


def take(wanted: Mapping[str, int], rates: Mapping[str, float | None], real_now: datetime) -> dict[str, int]:
    """How many of the wanted calls each provider may start now. Call inside the claiming transaction.

    A provider that fails for everybody gets one, to try, or none (`integrations.breaker`). ``rates`` are calls
    per second, None for unlimited; ``real_now`` is the clock, never a passed-in time.
    """
    paced = sorted(name for name, count in wanted.items() if count and rates.get(name) is not None)
    granted = breaker.admit(wanted, real_now)
    if not paced:
        return granted
    buckets = ProviderPace.objects.select_for_update().in_bulk(paced)
    for name in paced:
        rate = float(rates[name] or 0)
        capacity = max(rate * WINDOW_SECONDS, 1.0)
        bucket = buckets.get(name) or ProviderPace(provider=name, tokens=capacity, filled_at=real_now)
        passed = max((real_now - bucket.filled_at).total_seconds(), 0.0)
        tokens = min(capacity, bucket.tokens + passed * rate)
        granted[name] = min(granted[name], int(tokens))
        ProviderPace.objects.update_or_create(
            provider=name,
            defaults={"tokens": tokens - granted[name], "filled_at": real_now},
        )
    return granted
