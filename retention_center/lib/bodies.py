"""Request bodies, made fit for Django before it sees them: it knows only those that say how long they are."""

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
CHUNK = 65_536
MOST_LEFT = 64 * 1024 * 1024  # bytes nobody wanted that we still take off the wire


class WholeBodies:
    """A WSGI application around another: bodies sent in chunks get their length, refused ones are read to their end.

    Without the first, a body in chunks would look empty. Without the second, a client that is still sending finds the
    connection cut, and never reads why.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("wsgi.input_terminated"):  # a server whose input has no end of its own
            return self.application(environ, start_response)
        sent = environ["wsgi.input"]
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = _most_of(sent, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = self.application(environ, start_response)
        _read_off(sent)
        return answer


def _most_of(sent: Any, most: int) -> bytes:
    """The body; of one that is too large just enough to be refused as such."""
    body = bytearray()
    while len(body) <= most and (part := sent.read(CHUNK)):
        body += part
    return bytes(body[: most + 1])


def _read_off(sent: Any) -> None:
    left = MOST_LEFT
    while left > 0 and (part := sent.read(CHUNK)):
        left -= len(part)
