"""A provider's HTTP API on loopback: every request is held against its published description before it is answered."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from tests.contracts.openapi import Description, Operation, description

Reply = tuple[int, Any]


class Outside:
    """What all of them do. ``mood``: drops (reads all, says nothing), silent (waits first), babbles (answers nonsense).

    ``broken`` collects what the description has against our requests, which fails the test at its end; ``beyond`` are
    the calls that it, an extract, leaves out.
    """

    described: ClassVar[Description]
    beyond: ClassVar[str] = r"(?!)"

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[str, str] = {}
        self.mood = ""
        self.broken: list[str] = []

    def take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        mistakes = self.described.mistakes(method, target, headers, body)
        if not re.fullmatch(self.beyond, f"{method} {target}"):
            self.broken += mistakes
        return self.answer(method, target, headers, body, mistakes)

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes, mistakes: list[str]) -> Reply:
        raise NotImplementedError


class Published(Outside):
    """Knows nothing but the document, and answers with its examples: with ``forced``, (status, example), to all."""

    def __init__(self, provider: str) -> None:
        super().__init__()
        self.described = description(provider)  # type: ignore[misc]
        self.asked: list[tuple[str, str]] = []
        self.forced: tuple[int, str] | None = None

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes, mistakes: list[str]) -> Reply:
        self.asked.append((method, target))
        operation = self.described.find(method, target.partition("?")[0])
        if operation is None:
            return 404, {"message": "no such path"}
        status, example = self.forced or (400 if mistakes else self._good(operation), "")
        return status, self.described.answer(operation, status, example)

    def _good(self, operation: Operation) -> int:
        return next(status for status in self.described.statuses(operation) if status < 300)


def _handler(outside: Outside) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = outside.take(self.command, self.path, self.headers, raw)
            if outside.mood == "silent":
                time.sleep(1.5)
            if outside.mood in {"silent", "drops"}:
                self.close_connection = True
                return
            answer = b"<html>" if outside.mood == "babbles" else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (outside.headers | {"Content-Length": str(len(answer))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PATCH = do_DELETE = _reply

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving[Server: Outside](outside: Server) -> Iterator[Server]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(outside))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # whom it drops, or who gives up, is no news
    outside.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield outside
    finally:
        server.shutdown()
        server.server_close()
    assert not outside.broken
