"""POST to an address that a person typed, without letting it reach into our own network.

The name is resolved once, every address it has must be public, and the connection is made to one of those very
addresses while the TLS name and the Host header stay the name's: a second answer of the name server is never asked
for. No redirect is followed, no proxy and no credentials of the environment are used, the whole exchange is bounded
in time and size.
"""

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from integrations.providers.base import NotSent, OutcomeUnknown
from integrations.providers.http import UNREACHED, Answer
from retention_center.lib import clock

SECONDS = 10.0
CONNECT_SECONDS = 3.0
LARGEST_ANSWER = 64 * 1024
LONGEST_URL = 2000
PORTS = {"https": 443, "http": 80}
NAT64 = IPv6Network("64:ff9b::/96")
# Public by their number, but a cloud's own inside
NEVER = frozenset({IPv4Address("168.63.129.16")})
TUNNELS = tuple(map(IPv6Network, ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10")))

_UNSAFE = re.compile(r"[\x00-\x20\x7f\\<>\"^`{|}]")
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads, as far as its text tells: nothing is resolved yet. ``host`` is ASCII."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url: str, *, allow_http: bool = False, hosts: Collection[str] = ()) -> Target:
    """Read the address, or NotSent with a sentence: it could never be posted to.

    ``hosts``, when there are any, are the only ones allowed; one that begins with a dot stands for all below it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode().lower()
    except (ValueError, UnicodeError):
        raise _never("The address cannot be read") from None
    if len(url) > LONGEST_URL or _UNSAFE.search(url) or not host or port == 0:
        raise _never("The address cannot be read")
    if "@" in parts.netloc:
        raise _never("Credentials do not belong in an address")
    if parts.scheme not in PORTS:
        raise _never("The address must begin with https")
    if parts.scheme == "http" and not allow_http:
        raise _never("The address must begin with https; http has to be allowed first, in the integration")
    if hosts and not _is_among(host.rstrip("."), hosts):
        raise _never("The address is not among the hosts that the integration allows")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe="/?%:@!$&'()*+,;=~-._")}" if parts.query else ""
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path + query)


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    """What the receiver answers, its body left unread by us. NotSent: nothing was written. OutcomeUnknown: it was."""
    deadline = clock.monotonic() + SECONDS
    connection = _Pinned(target, _addresses(target), deadline)
    watch = threading.Timer(SECONDS, connection.cut)  # a timeout of the socket is one of each read, not of them all
    watch.daemon = True
    watch.start()
    try:
        connection.connect()
        return _exchange(connection, target, body, headers)
    finally:
        watch.cancel()
        connection.close()


def _exchange(connection: "_Pinned", target: Target, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        connection.request("POST", target.path, body, dict(headers))
        response = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OutcomeUnknown(f"No answer came: {_words(error)}") from error
    told = {name.lower(): value for name, value in response.getheaders()}
    with suppress(OSError, http.client.HTTPException, ValueError):  # the status has said it all
        response.read(LARGEST_ANSWER)
    return Answer(response.status, {}, told)


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were looked at before, under the name they had then."""

    def __init__(self, target: Target, addresses: list[tuple[Any, ...]], deadline: float) -> None:
        super().__init__(target.host, target.port)
        self.default_port = PORTS[target.scheme]  # which does not stand in the Host header
        self.target, self.addresses, self.deadline = target, addresses, deadline

    def connect(self) -> None:
        """NotSent when there is no connection, or the receiver cannot show that it is who it should be."""
        try:
            self.sock = self._dial()
            if self.target.scheme == "https":
                self.sock = _tls().wrap_socket(self.sock, server_hostname=self.target.host.rstrip("."))
        except (OSError, ValueError) as error:
            raise NotSent(f"No connection: {_words(error)}", reason=UNREACHED) from error
        self.sock.settimeout(max(self.deadline - clock.monotonic(), 0.1))

    def cut(self) -> None:
        """Time is up: whoever waits for the other side waits no longer."""
        with suppress(OSError):  # it may be closed already
            if self.sock:
                self.sock.shutdown(socket.SHUT_RDWR)

    def _dial(self) -> socket.socket:
        error: OSError = TimeoutError("time is up")
        for family, address in self.addresses:
            left = self.deadline - clock.monotonic()
            if left <= 0:
                break
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(min(CONNECT_SECONDS, left))
            try:
                sock.connect(address)
            except OSError as failure:
                sock.close()
                error = failure
            else:
                return sock
        raise error


def _addresses(target: Target) -> list[tuple[Any, ...]]:
    """(family, socket address) of all the name has; NotSent when one of them is not for us to call."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent("The receiver's name cannot be resolved", reason=UNREACHED) from error
    if not found or not all(_may_call(str(sockaddr[0])) for *_rest, sockaddr in found):
        raise _never("The address leads into a private network, where nothing is posted to")
    return [(family, sockaddr) for family, _kind, _protocol, _name, sockaddr in found]


def _may_call(text: str) -> bool:
    """Public, or in a network that the operator of this installation has opened."""
    address = ip_address(text)
    return any(address in network for network in settings.WEBHOOK_ALLOWED_NETWORKS) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether it lies in the open internet, looked at through whatever wraps it."""
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return False
        inner = address.ipv4_mapped or (IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None)
        if inner is not None:
            return is_public(inner)
        if any(address in network for network in TUNNELS):
            return False
    special = address.is_multicast or address.is_reserved or address.is_link_local or address.is_unspecified
    return address.is_global and not special and address not in NEVER


def _is_among(host: str, hosts: Collection[str]) -> bool:
    known = [each.strip().lower().rstrip(".") for each in hosts]
    return any(host == each or (each.startswith(".") and host.endswith(each)) for each in known if each)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _never(why: str) -> NotSent:
    return NotSent(why, permanent=True)


def _words(error: Exception) -> str:
    """The kind of failure; never its text, which may hold what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not to be trusted"
    if isinstance(error, ssl.SSLError):
        return "no secure connection"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return "it broke off"
