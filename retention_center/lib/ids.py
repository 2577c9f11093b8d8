"""Ids we make: ULIDs, 26 characters, in the order of their making (https://github.com/ulid/spec)."""

import secrets
import threading

from retention_center.lib import clock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # ten bits each
RANDOM_BITS = 80
DIGITS = 8  # at the end of an id that is numbered within a block
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
    return _in_letters(value)


def new_prefix() -> str:
    """The beginning of a block of ids: with any ``DIGITS`` decimal digits after it, each is a new id.

    They stand in the order of their digits, after every id this process made before, before those it makes later.
    """
    global _last
    milliseconds = int(clock.now().timestamp() * 1000)
    free = 5 * DIGITS  # bits that the digits take
    with _lock:
        value = milliseconds << RANDOM_BITS | random_bits(RANDOM_BITS)
        block = max(value >> free, (_last >> free) + 1)
        _last = (block + 1 << free) - 1
    return _in_letters(block << free)[:-DIGITS]


def new_ids(count: int) -> list[str]:
    """Many new ids in their order; cheaper than one at a time."""
    prefix = new_prefix()
    return [f"{prefix}{number:0{DIGITS}}" for number in range(count)]


def _in_letters(value: int) -> str:
    return "".join([PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
