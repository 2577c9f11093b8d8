"""A real SMTP server on loopback that can be told how to misbehave."""

import asyncio
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Postmaster:
    """Keeps what arrives. Names decide what happens: refused@, busy@, closing@, spam@, full@, dropped@, silent@."""

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.connections = 0
        self.seconds = 0.0  # how long it thinks about each message

    async def handle_EHLO(self, server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        answers = {
            "refused": "550 5.1.1 No such person",
            "busy": "450 4.2.1 Try again later",
            "closing": "421 4.3.2 Shutting down",
        }
        if answer := answers.get(address.partition("@")[0]):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        name = envelope.rcpt_tos[0].partition("@")[0]
        if name == "dropped":
            server.transport.abort()
        await asyncio.sleep(5 if name == "silent" else self.seconds)
        if name == "spam":
            return "554 5.7.1 Looks like spam"
        if name == "full":
            return "452 4.3.1 Disk full"
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 Queued"


@contextmanager
def smtp_server(ssl_context: ssl.SSLContext | None = None, **options: Any) -> Iterator[tuple[Postmaster, int]]:
    """The server's memory and its port; ``options`` as aiosmtpd's SMTP takes them."""
    postmaster = Postmaster()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(postmaster, hostname="127.0.0.1", port=port, ssl_context=ssl_context, **options)
    controller.start()
    try:
        yield postmaster, port
    finally:
        controller.stop()


def only_for_ada(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """An authenticator that knows one person."""
    return AuthResult(success=(data.login, data.password) == (b"ada", b"engine"), handled=False)


HANGS_UP, DRIPS = "hangs up", "drips"
USUAL = {"connect": "220 Hello", "data": "354 Go on", "text": "250 Queued", "quit": "221 Bye"}


class Scripted(socketserver.ThreadingTCPServer):
    """Says what it is told to at each command (``connect``, ``ehlo``, ``mail``, ``rcpt``, ``data``, ``text``: when the
    message was written), hangs up or drips there; after so many messages ``a_connection`` it says 421 and hangs up.
    """

    allow_reuse_address = daemon_threads = True

    def __init__(self, answers: dict[str, str], a_connection: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.answers, self.a_connection = USUAL | answers, a_connection
        self.texts: list[bytes] = []
        self.connections = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Line(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        self.server.connections += 1
        taken = 0
        goes_on = self.say("connect")
        while goes_on and (line := self.rfile.readline()):
            command = line.split()[0].decode().lower()
            if command == "mail" and self.server.a_connection and taken == self.server.a_connection:
                self.wfile.write(b"421 4.4.2 Enough for one connection\r\n")
                return
            goes_on = self.say(command) and command != "quit"
            if goes_on and command == "data" and self.server.answers["data"].startswith("354"):
                text = b"".join(iter(self.rfile.readline, b".\r\n"))
                if self.server.answers["text"].startswith("250"):  # kept before it is told: whoever hears it may look
                    self.server.texts.append(text)
                    taken += 1
                goes_on = self.say("text")

    def say(self, command: str) -> bool:
        answer = self.server.answers.get(command, "250 Fine")
        while answer == DRIPS:
            self.wfile.write(b"250-And\r\n")
            time.sleep(0.05)
        if answer != HANGS_UP:
            self.wfile.write(f"{answer}\r\n".encode())
        return answer != HANGS_UP


@contextmanager
def scripted(answers: dict[str, str] | None = None, a_connection: int = 0) -> Iterator[Scripted]:
    server = Scripted(answers or {}, a_connection)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # who gives up on it is no news
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
