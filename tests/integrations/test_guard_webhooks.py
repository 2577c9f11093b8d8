"""Where a webhook may go: the open internet, and nowhere else, whatever the address looks like."""

import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from integrations.providers import guarded
from integrations.providers.base import NotSent
from tests.integrations.certificates import make_certificate
from tests.integrations.receiver import receiving

UNREADABLE = [
    "", "hooks.example.com/x", "ftp://hooks.example.com/", "file:///etc/passwd", "gopher://hooks.example.com/",
    "javascript:alert(1)", "http://hooks.example.com/", "HTTP://hooks.example.com/", "https://", "https:///x",
    "https://user:pass@hooks.example.com/", "https://hooks.example.com@169.254.169.254/", "https://@hooks.example.com/",
    "https://hooks.example.com:0/", "https://hooks.example.com:99999/", "https://hooks.example.com:x/",
    "https://[::1/", "https://hooks.example.com\\@127.0.0.1/", "https://hooks.exa mple.com/",
    "https://hooks.example.com/\r\nX: y", "https://hooks.example.com/\t", "https://hooks.example.com\n/",
    f"https://{'a' * 64}.example.com/", f"https://hooks.example.com/{'x' * 2000}", "https://hooks..example.com/",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "127.0.0.1.", "localhost",
    "LOCALHOST.", "①②⑦.⓪.⓪.①", "10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "[::1]", "[::]", "[fe80::1]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]",
    "[fec0::1]", "[::ffff:0:127.0.0.1]",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where connections were tried; none is ever made."""
    tried: list[Any] = []

    class Sock(socket.socket):
        def connect(self, address: Any) -> None:
            tried.append(address)
            raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(guarded.socket, "socket", Sock)
    return tried


def post(url: str, **rules: Any) -> None:
    guarded.post(guarded.target_of(url, **rules), b"{}", {})


@pytest.mark.parametrize("url", UNREADABLE)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(url: str, dialled: list[Any]) -> None:
    with pytest.raises(NotSent) as refusal:
        post(url)
    assert refusal.value.permanent
    assert not dialled


@pytest.mark.parametrize("host", PRIVATE)
def test_no_address_leads_inside(host: str, dialled: list[Any]) -> None:
    with pytest.raises(NotSent) as refusal:
        post(f"https://{host}/latest/meta-data")
    # What a resolver does not even understand leads nowhere either
    assert refusal.value.permanent or "cannot be resolved" in str(refusal.value)
    assert not dialled


@pytest.mark.parametrize("address", PUBLIC)
def test_the_open_internet_is_public(address: str) -> None:
    assert guarded.is_public(ip_address(address))


def answers(*rounds: list[str]) -> Callable[..., list[Any]]:
    """A name server with an answer for each time it is asked."""
    left = list(rounds)

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in left.pop(0)
        ]

    return resolve


def test_a_name_is_resolved_once_and_called_at_that_very_address(
    monkeypatch: pytest.MonkeyPatch, dialled: list[Any]
) -> None:
    monkeypatch.setattr(guarded.socket, "getaddrinfo", answers(["93.184.216.34"], ["127.0.0.1"]))
    with pytest.raises(NotSent) as refusal:
        post("https://rebinds.example.com/")
    assert (dialled, refusal.value.reason) == ([("93.184.216.34", 443)], "not_handed_over")


@pytest.mark.parametrize("found", [["93.184.216.34", "127.0.0.1"], ["::1", "93.184.216.34"], ["::ffff:10.0.0.1"], []])
def test_a_name_with_any_address_inside_is_not_called(
    monkeypatch: pytest.MonkeyPatch, dialled: list[Any], found: list[str]
) -> None:
    monkeypatch.setattr(guarded.socket, "getaddrinfo", answers(found))
    with pytest.raises(NotSent, match="private network"):
        post("https://mixed.example.com/")
    assert not dialled


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("hooks.example.com", True),
        ("HOOKS.example.com", True),
        ("hooks.example.com.", True),
        ("a.b.example.org", True),
        ("example.org", False),
        ("evil.com", False),
        ("hooks.example.com.evil.com", False),
        ("xhooks.example.com", False),
    ],
)
def test_only_the_allowed_hosts_where_some_are_named(host: str, allowed: bool) -> None:
    hosts = ["Hooks.example.com", ".example.org"]
    if allowed:
        assert guarded.target_of(f"https://{host}/", hosts=hosts).path == "/"
    else:
        with pytest.raises(NotSent, match="not among the hosts"):
            guarded.target_of(f"https://{host}/", hosts=hosts)


def test_no_proxy_of_the_environment_is_used(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiving() as receiver:
        post(receiver.url, allow_http=True)
        assert len(receiver.taken) == 1
        assert "authorization" not in receiver.taken[0].headers


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A certificate for a name, which this process trusts from now on."""

    def make(name: str) -> str:
        path = make_certificate(name, tmp_path)
        trusting = ssl.create_default_context(cafile=path)
        monkeypatch.setattr(guarded, "_tls", lambda: trusting)
        return str(path)

    return make


@pytest.mark.parametrize(("name", "is_reached"), [("hooks.example.com", True), ("other.example.com", False)])
def test_tls_and_the_host_header_keep_the_name(
    certificate: Callable[[str], str], settings: Any, monkeypatch: pytest.MonkeyPatch, name: str, is_reached: bool
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    with receiving(certificate(name)) as receiver:
        port = int(receiver.url.split(":")[2].split("/")[0])
        monkeypatch.setattr(guarded.socket, "getaddrinfo", answers(["127.0.0.1"]))
        if is_reached:
            post(f"https://hooks.example.com:{port}/hook")
            assert receiver.taken[0].headers["host"] == f"hooks.example.com:{port}"
        else:
            with pytest.raises(NotSent, match="certificate"):
                post(f"https://hooks.example.com:{port}/hook")
            assert not receiver.taken
