"""Calls of a provider's HTTP API: bounded in time and size, and exact about what is known when they fail."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError
from urllib3.util.retry import Retry

from integrations.providers.base import NotSent, OutcomeUnknown
from retention_center.lib import clock

UNREACHED = "not_handed_over"  # a code of campaigns' reasons
CONNECT_SECONDS = 3.0
LARGEST = 2 * 1024 * 1024
CHUNK = 16 * 1024
WAIT_WHEN_UNSAID = 10.0  # seconds, after a 429 that names none
NO_RETRY = Retry(total=0, redirect=0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is the JSON object, empty when there was none; a list stands in it under "items".
    ``headers`` go by lower-case name."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float:
        """Seconds that the provider asks us to wait, by its header."""
        return _seconds(self.headers.get("retry-after", ""), clock.now())


class Caller:
    """Sends requests with one set of credentials; each thread has connections of its own."""

    def __init__(self, *, auth: tuple[str, str] | None = None, headers: Mapping[str, str] | None = None) -> None:
        self._auth, self._headers = auth, dict(headers or {})
        self._own = threading.local()
        self._opened: list[requests.Session] = []

    def call(self, method: str, url: str, **how: Any) -> Answer:
        """The answer, whatever its status. NotSent when nothing was written; OutcomeUnknown when silence followed."""
        deadline = clock.monotonic() + settings.CALL_SECONDS
        timeout = (min(CONNECT_SECONDS, settings.CALL_SECONDS), settings.CALL_SECONDS)
        try:
            with self._session().request(
                method, url, timeout=timeout, allow_redirects=False, stream=True, **how
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, _read(response, deadline), headers)
        except requests.exceptions.InvalidURL as error:
            raise NotSent("The provider's address cannot be right.", account_wide=True) from error
        except requests.exceptions.RequestException as error:
            if _was_never_written(error):
                raise NotSent(_words(error), reason=UNREACHED) from error
            raise OutcomeUnknown(_words(error)) from error

    def close(self) -> None:
        for session in self._opened:
            session.close()

    def _session(self) -> requests.Session:
        session = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = requests.Session()
            session.auth = self._auth
            session.headers.update(self._headers)
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=NO_RETRY))
            self._opened.append(session)
        return session


def _read(response: requests.Response, deadline: float) -> dict[str, Any]:
    """The body as an object; one that drips or swells beyond all measure is given up."""
    raw = bytearray()
    for chunk in response.iter_content(CHUNK):
        raw += chunk
        if clock.monotonic() > deadline or len(raw) > LARGEST:
            raise requests.exceptions.ReadTimeout("The answer took too long.")
    try:
        body = json.loads(raw.decode("utf-8", "replace")) if raw else {}
    except (ValueError, RecursionError):
        return {}
    if isinstance(body, list):
        return {"items": body}
    return body if isinstance(body, dict) else {}


def _was_never_written(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection itself failed, so that the request cannot have arrived."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" in str(reason) or "WRONG_VERSION_NUMBER" in str(reason)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)


def _words(error: Exception) -> str:
    """The kind of failure; never its text, which holds the address and may hold what was sent."""
    kinds = {
        requests.exceptions.ConnectTimeout: "No connection in time.",
        requests.exceptions.ReadTimeout: "No answer in time.",
        requests.exceptions.ProxyError: "The proxy refused.",
        requests.exceptions.SSLError: "No secure connection.",
        requests.exceptions.ConnectionError: "No connection, or it broke off.",
    }
    return next((words for kind, words in kinds.items() if isinstance(error, kind)), type(error).__name__)


def _seconds(text: str, now: datetime) -> float:
    """A Retry-After header: seconds or a date; a sensible wait when it is neither."""
    try:
        return max(float(text), 0.0) if text.strip().isdigit() else (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return WAIT_WHEN_UNSAID
