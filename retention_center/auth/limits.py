"""How often one may fail to sign in: counted per address and per account, for all web processes together.

Each failure takes a slot of its own, which is free again after the rate's time. Of two failures at once each takes
one: the cache adds a name only once.
"""

import hashlib

from django.core.cache import cache

from retention_center.api.throttles import rate_of

ADDRESS_ALLOWANCE = 5  # an office shares one address


def is_exceeded(address: str, account: str) -> bool:
    by_address, by_account = _slots(address, account)
    taken = cache.get_many(by_address + by_account)
    return all(slot in taken for slot in by_address) or all(slot in taken for slot in by_account)


def count_failure(address: str, account: str) -> None:
    _most, seconds = rate_of("sign_in")
    for slots in _slots(address, account):
        taken = cache.get_many(slots)
        any(cache.add(slot, 1, seconds) for slot in slots if slot not in taken)


def clear(address: str, account: str) -> None:
    """After signing in, earlier slips of the same account no longer count."""
    cache.delete_many(_slots(address, account)[1])


def _slots(address: str, account: str) -> tuple[list[str], list[str]]:
    most, _seconds = rate_of("sign_in")
    digest = hashlib.sha256(account.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
    by_address = [f"sign-in-address-{address}-{slot}".replace(" ", "-") for slot in range(most * ADDRESS_ALLOWANCE)]
    return by_address, [f"sign-in-account-{digest}-{slot}" for slot in range(most)]
