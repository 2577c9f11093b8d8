"""The Auth Center's public keys: fetched once for everybody, kept, and still good for a day when it is down.

Each process keeps them in its memory. What one process fetched the others take from the shared cache, where the
worker renews them before anybody waits for it (``tasks.fetch_keys``). Of the processes that want them at the same
time one fetches, and the others wait for it or go on with what they have.
"""

import hashlib
import ipaddress
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests
import structlog
from django.core.cache import cache

from retention_center.lib import clock

log = structlog.get_logger(__name__)
FETCH_SECONDS = 3
FRESH_SECONDS = 600  # twice the worker's pace: while it runs, nobody else fetches
STALE_SECONDS = 24 * 3600
RETRY_SECONDS = 30  # after a failure, and before an unknown key id is looked for again, for all processes together
LARGEST_SET = 256 * 1024
Told = tuple[dict[str, Any], float]  # keys by id, and how many seconds ago they were fetched


class Unavailable(Exception):
    """There is no key to verify with: the Auth Center cannot be reached, or does not know the key id."""


class KeySet:
    """One address's keys in this process's memory."""

    def __init__(
        self,
        url: str,
        monotonic: Callable[[], float] = clock.monotonic,
        others: type["Others"] | None = None,
    ) -> None:
        self.url, self._monotonic, self._others = url, monotonic, (others or Others)(url)
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._fetched_at = float("-inf")
        self._tried_at: dict[str, float] = {}

    def key(self, kid: str) -> Any:
        """The public key of that id, fetching the set when it is old or does not have it. Raises Unavailable."""
        if self._serves(kid):
            return self._find(kid)
        usable = self._usable(kid)
        if self._lock.acquire(blocking=usable is None):  # whoever has an older key does not wait for another's fetch
            try:
                self._renew(kid)
            finally:
                self._lock.release()
        found = self._usable(kid)
        if found is None:
            raise Unavailable(f"no key {kid[:40]!r}")
        return found

    def _renew(self, kid: str) -> None:
        """What another process fetched, or else a fetch: one for all processes, and only once in a while.

        A set that is old and a key id that it does not have are two reasons, each with a pause of its own: a key
        that is new right after a fetch is found at once, and made-up ids still make no flood.
        """
        self._take(self._others.told())
        if self._serves(kid):
            return
        reason = "unknown" if self._age() < FRESH_SECONDS else "old"
        if self._monotonic() - self._tried_at.get(reason, float("-inf")) < RETRY_SECONDS:
            return
        self._tried_at[reason] = self._monotonic()
        if self._others.begin(reason):
            self._take(fetch(self.url))
            self._others.end(reason)
        elif self._usable(kid) is None:
            self._others.wait(reason)
            self._take(self._others.told())

    def _serves(self, kid: str) -> bool:
        return self._age() < FRESH_SECONDS and self._find(kid) is not None

    def _take(self, told: Told | None) -> None:
        if told is not None:
            keys, age = told
            if age <= self._age():
                self._keys, self._fetched_at = keys, self._monotonic() - age

    def _usable(self, kid: str) -> Any:
        return self._find(kid) if self._age() < STALE_SECONDS else None

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _find(self, kid: str) -> Any:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)


class Others:
    """What processes tell each other of one address, through the shared cache: what was fetched, and who does it."""

    def __init__(self, url: str) -> None:
        self._name = _name(url)

    def told(self) -> Told | None:
        """What any process fetched last, and how old it is; public keys, but only our own database says which."""
        told = cache.get(self._name)
        if told is None:
            return None
        return _parsed(told["body"].encode()), max(clock.now().timestamp() - told["at"], 0.0)

    def begin(self, reason: str) -> bool:
        """Whether this process may fetch for that reason: nobody else did within the pause."""
        return cache.add(self._mark(reason), "fetching", RETRY_SECONDS)

    def end(self, reason: str) -> None:
        """Nobody need wait any more; the pause goes on."""
        cache.set(self._mark(reason), "over", RETRY_SECONDS)

    def wait(self, reason: str) -> None:
        """Until whoever is fetching is through, and no longer than a fetch may take."""
        until = clock.monotonic() + FETCH_SECONDS
        while cache.get(self._mark(reason)) == "fetching" and clock.monotonic() < until:
            clock.sleep(0.05)

    def _mark(self, reason: str) -> str:
        return f"{self._name}-{reason}"


_sets: dict[str, KeySet] = {}
_sets_lock = threading.Lock()


def key_for(url: str, kid: str) -> Any:
    """The key with that id at that address. Raises Unavailable."""
    with _sets_lock:
        keys = _sets.setdefault(url, KeySet(url))
    return keys.key(kid)


def forget() -> None:
    """Drop everything kept (tests)."""
    with _sets_lock:
        _sets.clear()


def fetch(url: str) -> Told | None:
    """Ask the Auth Center, and tell the other processes: (keys, their age: 0), or None when it does not answer well."""
    try:
        body = _download(url)
        keys = _parsed(body)
    except (requests.RequestException, ValueError, RecursionError) as error:
        log.warning("jwks_fetch_failed", url=url, error=type(error).__name__)
        return None
    cache.set(_name(url), {"at": clock.now().timestamp(), "body": body.decode()}, STALE_SECONDS)
    return keys, 0.0


def _name(url: str) -> str:
    return "auth-center-keys-" + hashlib.sha256(url.encode()).hexdigest()[:32]


def is_trustworthy(url: str) -> bool:
    """Whether keys from this address can be believed: over https, or from this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _download(url: str) -> bytes:
    if not is_trustworthy(url):
        raise ValueError("not https")
    until, body = clock.monotonic() + FETCH_SECONDS, b""
    with requests.get(url, timeout=FETCH_SECONDS, allow_redirects=False, stream=True) as answer:
        if answer.status_code != requests.codes.ok:
            raise ValueError(f"status {answer.status_code}")
        for part in answer.iter_content(8192):
            body += part
            if len(body) > LARGEST_SET:
                raise ValueError("too large")
            if clock.monotonic() > until:  # the library's own limit is per read, not in all
                raise ValueError("too slow")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    """Signing keys by id. Only public ones: a symmetric key has no business in a published set."""
    document = json.loads(body)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no key set")
    found = {}
    for entry in document["keys"]:
        if isinstance(entry, dict) and entry.get("kty") in {"RSA", "EC", "OKP"} and entry.get("use", "sig") == "sig":
            with suppress(jwt.PyJWTError, ValueError, TypeError):  # of a kind we cannot use, beside those that we can
                found[str(entry.get("kid", ""))] = jwt.PyJWK(entry).key
    if not found:
        raise ValueError("no usable key")
    return found
