"""A system of somebody's own that takes webhooks, on loopback: it answers as told, and keeps what it was sent."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Taken:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """``mood``: drops (reads all, says nothing), drips (says it a byte at a time), silent (waits), swells."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    mood: str = ""
    taken: list[Taken] = field(default_factory=list)

    @property
    def seen(self) -> set[str]:
        """Ids, each of which it acts on once."""
        return {one.headers["webhook-id"] for one in self.taken}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        receiver.taken.append(Taken(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        match receiver.mood:
            case "drops":
                self.close_connection = True
            case "drips":
                self._drip()
            case mood:
                time.sleep(3 if mood == "silent" else 0)
                self._answer(receiver, b"x" * (8 * 1024 * 1024 if mood == "swells" else 0))

    def _answer(self, receiver: Receiver, body: bytes) -> None:
        self.send_response(receiver.status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100:
            self.wfile.write(bytes([letter]))
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver

    def handle_error(self, *_: Any) -> None:
        """Whoever hangs up on us is part of the test."""


@contextmanager
def receiving(certificate: str = "") -> Iterator[Receiver]:
    """A receiver, over TLS when a certificate's file is given."""
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.receiver = Receiver(f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}/hook")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        server.server_close()
