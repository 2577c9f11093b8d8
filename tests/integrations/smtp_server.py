"""A real SMTP server on loopback that can be told how to misbehave."""

import asyncio
import socket
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
def smtp_server(**options: Any) -> Iterator[tuple[Postmaster, int]]:
    """The server's memory and its port; ``options`` as aiosmtpd's SMTP takes them."""
    postmaster = Postmaster()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(postmaster, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield postmaster, port
    finally:
        controller.stop()


def only_for_ada(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """An authenticator that knows one person."""
    return AuthResult(success=(data.login, data.password) == (b"ada", b"engine"), handled=False)
