"""The SMTP provider against a real server, well-behaved and not."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from campaigns.reasons import Reason
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.smtp import Smtp, message_id
from tests.integrations.smtp_server import Postmaster, only_for_ada, smtp_server


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Postmaster, int]]:
    with smtp_server() as running:
        yield running


@pytest.fixture
def postmaster(server: tuple[Postmaster, int]) -> Postmaster:
    server[0].received.clear()
    server[0].connections = 0
    return server[0]


@pytest.fixture
def smtp(server: tuple[Postmaster, int], postmaster: Postmaster) -> Iterator[Smtp]:
    provider = Smtp({"host": "127.0.0.1", "port": server[1]})
    yield provider
    provider.close()


def message(**fields: Any) -> Message:
    defaults = {
        "key": "work:1",
        "attempt_id": "A1",
        "lead_id": "L1",
        "channel": "EMAIL",
        "to": "ada@example.com",
        "subject": "We miss you – come back",
        "text": "Hello Ada",
        "html": "<p>Hello Ada</p>",
        "unsubscribe_url": "https://rc.example.com/u/token",
    }
    return Message(**defaults | fields)


def test_the_message_arrives_as_text_and_html(smtp: Smtp, postmaster: Postmaster) -> None:
    smtp.send(message())
    (received,) = postmaster.received
    assert received["Subject"] == "We miss you – come back"
    assert received["To"] == "ada@example.com"
    assert received["From"] == "Retention Center <retention@localhost>"
    assert received.get_body(("plain",)).get_content().strip() == "Hello Ada"  # type: ignore[union-attr]
    assert received.get_body(("html",)).get_content().strip() == "<p>Hello Ada</p>"  # type: ignore[union-attr]


def test_it_can_be_unsubscribed_by_one_click(smtp: Smtp, postmaster: Postmaster) -> None:
    smtp.send(message())
    (received,) = postmaster.received
    assert received["List-Unsubscribe"] == "<https://rc.example.com/u/token>"
    assert received["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert received["Auto-Submitted"] == "auto-generated"


def test_the_message_id_follows_from_the_key_and_is_the_reference(smtp: Smtp, postmaster: Postmaster) -> None:
    receipt = smtp.send(message(key="work:7"))
    assert receipt.reference == postmaster.received[0]["Message-ID"] == message_id("work:7")
    assert message_id("work:7") != message_id("work:8")
    assert message_id("work:7").endswith("@localhost>")


def test_one_connection_carries_many_messages(smtp: Smtp, postmaster: Postmaster) -> None:
    for number in range(5):
        smtp.send(message(key=f"work:{number}"))
    assert len(postmaster.received) == 5
    assert postmaster.connections == 1


def test_threads_may_send_at_once(smtp: Smtp, postmaster: Postmaster) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: smtp.send(message(key=f"work:{number}", text=f"No {number}")), range(40)))
    texts = {received.get_body(("plain",)).get_content().strip() for received in postmaster.received}  # type: ignore[union-attr]
    assert texts == {f"No {number}" for number in range(40)}
    assert postmaster.connections <= 4


@pytest.mark.parametrize(
    ("to", "permanent"),
    [
        pytest.param("refused@example.com", True, id="an unknown recipient is refused for good"),
        pytest.param("busy@example.com", False, id="a busy mailbox may be tried again"),
        pytest.param("closing@example.com", False, id="a server that shuts down may be tried again"),
        pytest.param("spam@example.com", True, id="a refused text is refused for good"),
        pytest.param("full@example.com", False, id="a full disk may be tried again"),
        pytest.param("näme@example.com", True, id="an address SMTP cannot carry"),
        pytest.param("not an address", True, id="no address at all"),
    ],
)
def test_a_refusal_was_certainly_not_sent(smtp: Smtp, postmaster: Postmaster, to: str, permanent: bool) -> None:
    with pytest.raises(NotSent) as refusal:
        smtp.send(message(to=to))
    assert refusal.value.permanent is permanent
    assert not refusal.value.account_wide
    assert refusal.value.reason in Reason
    assert postmaster.received == []


def test_after_a_refusal_the_next_message_goes_out(smtp: Smtp, postmaster: Postmaster) -> None:
    with pytest.raises(NotSent):
        smtp.send(message(to="refused@example.com"))
    smtp.send(message())
    assert len(postmaster.received) == 1


def test_a_domain_in_another_script_is_written_as_the_wire_wants_it(smtp: Smtp, postmaster: Postmaster) -> None:
    smtp.send(message(to="ada@bücher.example"))
    assert postmaster.received[0]["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "fields",
    [{"subject": "Hello\r\nBcc: all@example.com"}, {"to": "ada@example.com\nBcc: all@example.com"}],
    ids=["subject", "address"],
)
def test_a_line_break_cannot_smuggle_a_header_in(smtp: Smtp, postmaster: Postmaster, fields: dict[str, str]) -> None:
    with pytest.raises(NotSent) as refusal:
        smtp.send(message(**fields))
    assert refusal.value.permanent
    assert postmaster.received == []


def test_a_connection_lost_after_the_text_was_written_leaves_the_outcome_unknown(smtp: Smtp) -> None:
    with pytest.raises(OutcomeUnknown):
        smtp.send(message(to="dropped@example.com"))


def test_silence_after_the_text_was_written_leaves_the_outcome_unknown(smtp: Smtp, settings: Any) -> None:
    settings.CALL_SECONDS = 0.4
    with pytest.raises(OutcomeUnknown):
        smtp.send(message(to="silent@example.com"))


def test_a_connection_the_server_closed_while_idle_is_opened_anew(smtp: Smtp, postmaster: Postmaster) -> None:
    smtp.send(message())
    smtp._backend().connection.sock.shutdown(socket.SHUT_RDWR)
    smtp.send(message(key="work:2"))
    assert len(postmaster.received) == 2


def test_a_server_that_is_not_there_was_certainly_not_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        smtp = Smtp({"host": "127.0.0.1", "port": unused.getsockname()[1]})
        with pytest.raises(NotSent, match="refused") as refusal:
            smtp.send(message())
    assert not refusal.value.permanent
    assert not refusal.value.account_wide


@pytest.mark.parametrize("greeting", [b"", b"421 4.3.2 Not now\r\n"], ids=["silent", "turning away"])
def test_a_server_that_does_not_greet_was_certainly_not_told(greeting: bytes, settings: Any) -> None:
    settings.CALL_SECONDS = 0.6
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted: list[socket.socket] = []

        def greet() -> None:
            connection, _address = listener.accept()
            connection.sendall(greeting)
            accepted.append(connection)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(NotSent) as refusal:
            Smtp({"host": "127.0.0.1", "port": listener.getsockname()[1]}).send(message())
        thread.join()
        accepted[0].close()
    assert not refusal.value.permanent


def test_signing_in(settings: Any) -> None:
    with smtp_server(authenticator=only_for_ada, auth_require_tls=False) as (postmaster, port):
        settings.SMTP = {
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": port,
            "EMAIL_HOST_USER": "ada",
            "EMAIL_HOST_PASSWORD": "engine",
        }
        smtp = Smtp({})
        smtp.send(message())
        assert smtp.check() == f"127.0.0.1:{port} answered, signed in as ada."
        smtp.close()
        assert len(postmaster.received) == 1


def test_a_wrong_password_is_everybodys_trouble() -> None:
    with smtp_server(authenticator=only_for_ada, auth_require_tls=False) as (_postmaster, port):
        smtp = Smtp({"host": "127.0.0.1", "port": port, "username": "ada", "password": "wrong"})
        with pytest.raises(NotSent) as refusal:
            smtp.send(message())
    assert refusal.value.account_wide


def test_a_server_without_encryption_is_not_trusted_when_it_was_asked_for(server: tuple[Postmaster, int]) -> None:
    smtp = Smtp({"host": "127.0.0.1", "port": server[1], "security": "starttls"})
    with pytest.raises(NotSent) as refusal:
        smtp.send(message())
    assert refusal.value.account_wide


def test_a_check_says_who_answered(smtp: Smtp) -> None:
    assert "answered" in smtp.check()
