"""E-mail by SMTP, through Django's own backend. The server stands in EMAIL_URL, or in the provider's config.

Where things went wrong decides what we know: until the message itself was written, it certainly was not sent;
a refusal is certain too; silence after it was written leaves the outcome unknown. SMTP cannot be searched.
"""

import hashlib
import re
import smtplib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email import policy
from email.utils import parseaddr
from ssl import SSLError
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.utils.encoding import punycode

from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt
from retention_center.lib import clock
from retention_center.lib.channels import Channel

GO_ON, SHUTTING_DOWN, SIGN_IN, TOO_LARGE = 354, 421, 530, 552
UNREACHED, BAD_ADDRESS, REFUSED = "not_handed_over", "invalid_address", "refused"  # codes of campaigns' reasons
ACCEPTED = (250, 251)
CONNECTIONS = ("connection", "_partial_connection")  # of Django's backend: ready, and still being opened
ON_THE_WIRE = policy.SMTP.clone(cte_type="7bit")  # not every server can take eight
_DOT = re.compile(rb"^\.", re.MULTILINE)  # alone on a line it would end the message
_NOT_THE_ADDRESS = re.compile(r"5\.[27]\.")  # its mailbox is full, or it is a matter of policy


class Smtp(Provider):
    name = "smtp"
    channels = (Channel.EMAIL,)
    default_rate: ClassVar[float | None] = 50
    parallel = 4

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._own = threading.local()  # a connection per thread: one SMTP connection carries one message at a time
        self._opened: list[EmailBackend] = []

    def send(self, message: Message) -> Receipt:
        """Hand the message to the server; its Message-ID, made from the key, is the reference."""
        deadline = clock.monotonic() + settings.CALL_SECONDS
        email = compose(message)
        try:
            sender, recipient = self._backend().prep_address(email.from_email), self._backend().prep_address(message.to)
            content = email.message(policy=ON_THE_WIRE).as_bytes().removesuffix(b"\r\n")
        except ValueError as error:
            detail = "The e-mail cannot be written as it stands: no such address, or a character SMTP cannot carry."
            raise NotSent(detail, reason=BAD_ADDRESS, permanent=True) from error
        with self._in_time():
            connection = self._begin(sender, len(content), deadline)
            try:
                self._address(connection, recipient, deadline)
                self._write(connection, content, deadline)
            except BaseException:
                self._drop()
                raise
        return Receipt(reference=email.extra_headers["Message-ID"])

    def check(self) -> str:
        """Sign in and ask for a sign of life."""
        backend = self._backend()
        with self._in_time():
            connection = self._connect()
            try:
                code, answer = connection.noop()
            except (OSError, smtplib.SMTPException) as error:
                self._drop()
                raise NotSent(_sentence(error)) from error
        if code not in ACCEPTED:
            raise NotSent(f"{backend.host} answered {code} {_words(answer)}")
        signed_in = f", signed in as {backend.username}" if backend.username else ""
        return f"{backend.host}:{backend.port} answered{signed_in}."

    def close(self) -> None:
        for backend in self._opened:
            try:
                backend.close()
            except (OSError, smtplib.SMTPException):
                backend.connection = None  # it was broken already: there is nothing left to close

    def _backend(self) -> EmailBackend:
        backend = getattr(self._own, "backend", None)
        if backend is None:
            backend = self._own.backend = open_backend(self.config)
            self._opened.append(backend)
        return backend

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """What a socket calls a timeout is one of each read; this one is of them all, and ends what is dripped."""
        watch = threading.Timer(settings.CALL_SECONDS, _cut, [self._backend()])
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _connect(self) -> smtplib.SMTP:
        """An open connection with a working sign-in, or NotSent: nothing was written yet."""
        backend = self._backend()
        try:
            backend.open()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, SSLError) as error:
            self._drop()
            raise NotSent(_sentence(error), account_wide=True) from error
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise NotSent(_sentence(error), reason=UNREACHED) from error
        return cast("smtplib.SMTP", backend.connection)

    def _begin(self, sender: str, size: int, deadline: float) -> smtplib.SMTP:
        """Say who writes. A connection the server had dropped while idle is opened anew, once."""
        was_open = self._backend().connection is not None
        connection = self._connect()
        try:
            return self._say_sender(connection, sender, size, deadline)
        except NotSent as refusal:
            self._drop()
            if not was_open or refusal.permanent or refusal.account_wide:
                raise
        return self._say_sender(self._connect(), sender, size, deadline)

    def _say_sender(self, connection: smtplib.SMTP, sender: str, size: int, deadline: float) -> smtplib.SMTP:
        try:
            _allow(connection, deadline)
            connection.ehlo_or_helo_if_needed()
            code, answer = connection.mail(sender, [f"size={size}"] if connection.has_extn("size") else [])
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(_sentence(error), reason=UNREACHED) from error
        if code not in ACCEPTED:
            if code >= 500 and code != TOO_LARGE:  # our own address is refused, so everybody's messages would be
                raise NotSent(f"{code} {_words(answer)}", account_wide=True)
            raise _refused(code, answer)
        return connection

    def _address(self, connection: smtplib.SMTP, recipient: str, deadline: float) -> None:
        try:
            _allow(connection, deadline)
            code, answer = connection.rcpt(recipient)
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(_sentence(error), reason=UNREACHED) from error
        if code not in ACCEPTED:
            if code == SIGN_IN:
                raise NotSent(f"{code} {_words(answer)}", account_wide=True)
            is_address = code >= 500 and not _NOT_THE_ADDRESS.match(_words(answer))
            raise _refused(code, answer, BAD_ADDRESS if is_address else REFUSED)

    def _write(self, connection: smtplib.SMTP, content: bytes, deadline: float) -> None:
        """Announce the message, then write it: only from there on may it have gone out without an answer."""
        try:
            _allow(connection, deadline)
            code, answer = connection.docmd("data")
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(_sentence(error), reason=UNREACHED) from error
        if code != GO_ON:
            raise _refused(code, answer)
        try:
            _allow(connection, deadline)
            connection.send(_DOT.sub(b"..", content) + b"\r\n.\r\n")
            code, answer = connection.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise OutcomeUnknown(_sentence(error)) from error
        if code not in ACCEPTED:
            raise _refused(code, answer)

    def _drop(self) -> None:
        """Never use a connection again on which something went wrong. No farewell: the server may not answer it."""
        backend = self._backend()
        for attribute in CONNECTIONS:
            if connection := getattr(backend, attribute, None):
                connection.close()
            setattr(backend, attribute, None)


def open_backend(config: Mapping[str, Any]) -> EmailBackend:
    """Django's backend for the server in the config, else for the one in EMAIL_URL; it connects later."""
    if config.get("host"):
        security = config.get("security", "none")
        options = {
            "host": config["host"],
            "port": config.get("port"),
            "username": config.get("username", ""),
            "password": config.get("password", ""),
            "use_tls": security == "starttls",
            "use_ssl": security == "tls",
        }
    else:
        options = {
            "host": settings.SMTP.get("EMAIL_HOST") or "localhost",
            "port": settings.SMTP.get("EMAIL_PORT"),
            "username": settings.SMTP.get("EMAIL_HOST_USER") or "",
            "password": settings.SMTP.get("EMAIL_HOST_PASSWORD") or "",
            "use_tls": settings.SMTP.get("EMAIL_USE_TLS", False),
            "use_ssl": settings.SMTP.get("EMAIL_USE_SSL", False),
        }
    # Half of a call's time for each answer while connecting, so that a silent server leaves room to say so
    return EmailBackend(alias="smtp", timeout=settings.CALL_SECONDS / 2, **options)


def compose(message: Message) -> EmailMultiAlternatives:
    """The e-mail as it will be written; NotSent when a line break would smuggle a header in."""
    for value in (message.subject, message.to, message.unsubscribe_url):
        if "\n" in value or "\r" in value:
            raise NotSent("A line break in the subject or the address.", permanent=True)
    headers = {"Message-ID": message_id(message.key), "Auto-Submitted": "auto-generated"}
    if message.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.to],
        headers=headers,
    )
    if message.html:
        email.attach_alternative(message.html, "text/html")
    return email


def message_id(key: str) -> str:
    """The same Message-ID for every repeat of one intent."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{digest}@{punycode(domain)}>"


def _cut(backend: EmailBackend) -> None:
    """Time is up: whoever waits for the server waits no longer."""
    for attribute in CONNECTIONS:
        with suppress(OSError, AttributeError):  # it may be closed already
            getattr(backend, attribute).sock.shutdown(socket.SHUT_RDWR)


def _refused(code: int, answer: bytes, reason: str = REFUSED) -> NotSent:
    """What a server says no to was not sent. Only "shutting down" speaks of itself, not of this message."""
    reason = UNREACHED if code == SHUTTING_DOWN else reason
    return NotSent(f"{code} {_words(answer)}", reason=reason, permanent=code >= 500)


def _allow(connection: smtplib.SMTP, deadline: float) -> None:
    """Let the next exchange last no longer than what is left of the call."""
    left = deadline - clock.monotonic()
    if left <= 0 or connection.sock is None:
        raise NotSent("The server took too long.", reason=UNREACHED)
    connection.sock.settimeout(left)


def _sentence(error: Exception) -> str:
    """What went wrong, without addresses: (code, text) of the server's answer, or the kind of failure."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_words(error.smtp_error)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _words(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())[:200]
