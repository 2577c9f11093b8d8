"""What an SMTP server may say or do at each step of handing a message over, and what we then know of the message."""

import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from campaigns.reasons import Reason
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.smtp import Smtp
from tests.integrations.certificates import make_certificate
from tests.integrations.smtp_server import DRIPS, HANGS_UP, Scripted, scripted, smtp_server

BEFORE_THE_TEXT = ["connect", "ehlo", "mail", "rcpt", "data"]


def message(**fields: Any) -> Message:
    defaults = {"key": "work:1", "attempt_id": "A1", "lead_id": "L1", "channel": "EMAIL", "to": "ada@example.com"}
    return Message(**defaults | {"subject": "Hello", "text": "Hello Ada"} | fields)


def to(server: Scripted, **config: Any) -> Smtp:
    return Smtp({"host": "127.0.0.1", "port": server.port} | config)


def refused(smtp: Smtp, **fields: Any) -> NotSent:
    with pytest.raises(NotSent) as refusal:
        smtp.send(message(**fields))
    assert refusal.value.reason in Reason
    assert "ada@" not in str(refusal.value)
    return refusal.value


@pytest.mark.parametrize("stage", BEFORE_THE_TEXT)
def test_a_server_that_hangs_up_before_the_text_was_not_reached(stage: str) -> None:
    with scripted({stage: HANGS_UP}) as server:
        refusal = refused(to(server))
    assert (refusal.reason, refusal.permanent, refusal.account_wide) == ("not_handed_over", False, False)


def test_once_the_text_was_written_nobody_knows() -> None:
    with scripted({"text": HANGS_UP}) as server, pytest.raises(OutcomeUnknown):
        to(server).send(message())


@pytest.mark.parametrize("stage", ["connect", "mail", "rcpt", "data", "text"])
def test_a_server_that_shuts_down_says_nothing_about_the_message(stage: str) -> None:
    with scripted({stage: "421 4.3.2 Shutting down"}) as server:
        refusal = refused(to(server))
        assert (refusal.reason, refusal.permanent, refusal.account_wide) == ("not_handed_over", False, False)
        assert server.texts == []


CASES = [
    # stage, answer, reason, for good, for everybody
    ("mail", "451 4.3.0 Not now", "refused", False, False),
    ("mail", "553 5.1.8 No such sender", "refused", False, True),
    ("mail", "530 5.7.0 Sign in first", "refused", False, True),
    ("mail", "552 5.3.4 Too large", "refused", True, False),
    ("rcpt", "450 4.2.1 Mailbox busy", "refused", False, False),
    ("rcpt", "452 4.5.3 Too many", "refused", False, False),
    ("rcpt", "550 5.1.1 No such person", "invalid_address", True, False),
    ("rcpt", "553 Mailbox name not allowed", "invalid_address", True, False),
    ("rcpt", "552 5.2.2 Mailbox full", "refused", True, False),
    ("rcpt", "554 5.7.1 Relaying denied", "refused", True, False),
    ("rcpt", "530 5.7.0 Sign in first", "refused", False, True),
    ("data", "451 4.3.0 Not now", "refused", False, False),
    ("data", "554 5.5.1 No valid recipients", "refused", True, False),
    ("text", "452 4.3.1 Disk full", "refused", False, False),
    ("text", "552 5.3.4 Too large", "refused", True, False),
    ("text", "554 5.7.1 Looks like spam", "refused", True, False),
]


@pytest.mark.parametrize(("stage", "answer", "reason", "permanent", "wide"), CASES)
def test_what_it_refuses_was_certainly_not_sent(
    stage: str, answer: str, reason: str, permanent: bool, wide: bool
) -> None:
    with scripted({stage: answer}) as server:
        refusal = refused(to(server))
        assert (refusal.reason, refusal.permanent, refusal.account_wide) == (reason, permanent, wide)
        assert str(refusal) == answer
        assert server.texts == []


@pytest.mark.parametrize("stage", ["ehlo", "mail", "rcpt", "data"])
def test_an_answer_without_end_is_given_up_in_time(stage: str, settings: Any) -> None:
    settings.CALL_SECONDS = 0.5
    with scripted({stage: DRIPS}) as server:
        began = time.monotonic()
        assert refused(to(server)).reason == "not_handed_over"
        assert time.monotonic() - began < 2


def test_an_endless_answer_to_the_text_leaves_it_open(settings: Any) -> None:
    settings.CALL_SECONDS = 0.5
    with scripted({"text": DRIPS}) as server, pytest.raises(OutcomeUnknown):
        to(server).send(message())


def test_a_batch_goes_on_where_the_server_closes_its_connection_in_the_middle() -> None:
    with scripted(a_connection=2) as server:
        smtp = to(server)
        for number in range(5):
            smtp.send(message(key=f"work:{number}", text=f"No {number}"))
        smtp.close()
        assert [f"No {number}".encode() in text for number, text in enumerate(server.texts)] == [True] * 5
        assert server.connections == 3


def test_dots_and_lines_arrive_as_they_were_written() -> None:
    with scripted() as server:
        to(server).send(message(text=".\n..\nGrüße\n.end"))
        (text,) = server.texts
    assert b"\r\n..\r\n...\r\nGr=C3=BC=C3=9Fe\r\n..end\r\n" in text
    assert all(byte < 128 for byte in text)  # not every server can take eight bits


def test_a_message_that_is_too_large_is_refused_before_it_is_written() -> None:
    with smtp_server(data_size_limit=1000) as (postmaster, port):
        assert refused(Smtp({"host": "127.0.0.1", "port": port}), text="x " * 2000).permanent
        assert postmaster.received == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate("localhost", tmp_path)


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize(
    ("security", "how"),
    [("starttls", {"tls_context": True, "require_starttls": True}), ("tls", {"ssl_context": True})],
)
def test_encryption_is_used_and_only_with_who_can_show_a_certificate(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str, how: dict[str, bool]
) -> None:
    options: dict[str, Any] = {name: serving(certificate) if "context" in name else True for name in how}
    with smtp_server(**options) as (postmaster, port):
        config = {"host": "localhost", "port": port, "security": security}
        assert refused(Smtp(config)).account_wide  # nobody vouches for it
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        smtp = Smtp(config)
        smtp.send(message())
        smtp.close()
        assert len(postmaster.received) == 1
        assert refused(Smtp(config | {"host": "127.0.0.1"})).account_wide  # under this name it has none


def test_a_test_of_the_connection_says_what_went_wrong() -> None:
    with scripted({"noop": HANGS_UP}) as server, pytest.raises(NotSent):
        to(server).check()
    with scripted({"noop": "500 What?"}) as server, pytest.raises(NotSent, match="500 What"):
        to(server).check()
