"""The scheduled work of conversions."""

from conversions import learning
from retention_center.lib import clock


def learn() -> dict[str, int]:
    """Nightly: learn the conversion rules anew."""
    return {"rules": learning.learn(clock.now())}
