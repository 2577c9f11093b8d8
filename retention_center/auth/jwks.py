"""The Auth Center's public keys: fetched once for everybody, kept, and still good for a day when it is down."""

import json
import threading
from collections.abc import Callable
from typing import Any

import jwt
import requests
import structlog

from retention_center.lib import clock

log = structlog.get_logger(__name__)
FETCH_SECONDS = 3
FRESH_SECONDS = 300
STALE_SECONDS = 24 * 3600
RETRY_SECONDS = 30  # after a failure, and before an unknown key id is looked for again
LARGEST_SET = 256 * 1024


class Unavailable(Exception):
    """There is no key to verify with: the Auth Center cannot be reached, or does not know the key id."""


class KeySet:
    """One address's keys in this process's memory."""

    def __init__(self, url: str, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self.url, self._monotonic = url, monotonic
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def key(self, kid: str) -> Any:
        """The public key of that id, fetching the set when it is old or does not have it. Raises Unavailable."""
        if self._age() < FRESH_SECONDS and (found := self._find(kid)) is not None:
            return found
        with self._lock:  # whoever waited here finds what the first one fetched
            if self._monotonic() - self._tried_at >= RETRY_SECONDS:
                self._fetch()
        found = self._find(kid) if self._age() < STALE_SECONDS else None
        if found is None:
            raise Unavailable(f"no key {kid[:40]!r}")
        return found

    def _age(self) -> float:
        return self._monotonic() - self._fetched_at

    def _find(self, kid: str) -> Any:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    def _fetch(self) -> None:
        self._tried_at = self._monotonic()
        try:
            self._keys = _parsed(_download(self.url))
            self._fetched_at = self._monotonic()
        except (requests.RequestException, ValueError, jwt.PyJWTError) as error:
            log.warning("jwks_fetch_failed", url=self.url, error=type(error).__name__)


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


def _download(url: str) -> bytes:
    with requests.get(url, timeout=FETCH_SECONDS, allow_redirects=False, stream=True) as answer:
        if answer.status_code != requests.codes.ok:
            raise ValueError(f"status {answer.status_code}")
        body = answer.raw.read(LARGEST_SET + 1, decode_content=True)
    if len(body) > LARGEST_SET:
        raise ValueError("too large")
    return body


def _parsed(body: bytes) -> dict[str, Any]:
    """Signing keys by id. Only public ones: a symmetric key has no business in a published set."""
    document = json.loads(body)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("no key set")
    found = {}
    for entry in document["keys"]:
        if isinstance(entry, dict) and entry.get("kty") in {"RSA", "EC", "OKP"} and entry.get("use", "sig") == "sig":
            found[str(entry.get("kid", ""))] = jwt.PyJWK(entry).key
    if not found:
        raise ValueError("no usable key")
    return found
