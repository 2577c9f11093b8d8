"""Ids we make: ULIDs, 26 characters, in the order of their making (https://github.com/ulid/spec)."""

import secrets
import threading

from retention_center.lib import clock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_BITS = 80
random_bits = secrets.randbits  # the simulator puts seeded ones here

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new id, greater than every id this process made before, even within one millisecond."""
    global _last
    milliseconds = int(clock.now().timestamp() * 1000)
    with _lock:
        value = max(milliseconds << RANDOM_BITS | random_bits(RANDOM_BITS), _last + 1)
        _last = value
    return "".join(ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
