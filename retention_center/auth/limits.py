"""How often one may fail to sign in: counted per address and per account, for all web processes together."""

import hashlib

from django.core.cache import cache

from retention_center.api.throttles import rate_of

ADDRESS_ALLOWANCE = 5  # an office shares one address


def is_exceeded(address: str, account: str) -> bool:
    most, _seconds = rate_of("sign_in")
    by_address, by_account = _names(address, account)
    counts = cache.get_many([by_address, by_account])
    return counts.get(by_account, 0) >= most or counts.get(by_address, 0) >= most * ADDRESS_ALLOWANCE


def count_failure(address: str, account: str) -> None:
    _most, seconds = rate_of("sign_in")
    for name in _names(address, account):
        if not cache.add(name, 1, seconds):
            try:
                cache.incr(name)
            except ValueError:  # it expired in between
                cache.set(name, 1, seconds)


def clear(address: str, account: str) -> None:
    """After signing in, earlier slips of the same account no longer count."""
    cache.delete(_names(address, account)[1])


def _names(address: str, account: str) -> tuple[str, str]:
    digest = hashlib.sha256(account.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
    return f"sign-in address {address}".replace(" ", "-"), f"sign-in-account-{digest}"
