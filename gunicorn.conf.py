"""The web server's own answers: requests that it refuses before the application sees them get a problem, too."""

import json

from gunicorn import util

limit_request_line = 8190  # a filter of many ids, or a long postback, is a long address


def _refuse(sock, status: int, reason: str, _message: str) -> None:  # type: ignore[no-untyped-def]
    body = {"type": "about:blank", "title": reason, "status": status, "detail": f"{reason}.", "errors": []}
    text = json.dumps(body)
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    util.write_nonblock(sock, f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode("latin1"))


util.write_error = _refuse  # gunicorn's own would be an HTML page
