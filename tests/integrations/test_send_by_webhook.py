"""The webhook provider against a receiver on loopback: signed, sent once for each id, classified when it fails."""

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from integrations.providers import guarded
from integrations.providers.base import Message, NotSent, OutcomeUnknown
from integrations.providers.webhook import Webhook, signed_headers
from tests.integrations.receiver import Receiver, receiving

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CONFIG: dict[str, Any] = {"signingSecret": SECRET, "allowHttp": True}
BODY = '{"lead": "Ada \u00e9"}'


@pytest.fixture(scope="module")
def server() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def receiver(server: Receiver, settings: Any) -> Receiver:
    url = server.url
    server.__init__(url)  # type: ignore[misc]
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    return server


def message(receiver: Receiver, **fields: Any) -> Message:
    defaults = {"key": "work:1", "work_id": "work", "attempt_id": "A1", "lead_id": "L1", "channel": "WEBHOOK", "to": ""}
    return Message(**defaults | {"text": BODY, "url": receiver.url} | fields)


def refused(receiver: Receiver, config: dict[str, Any] = CONFIG, **fields: Any) -> NotSent:
    with pytest.raises(NotSent) as refusal:
        Webhook(config).send(message(receiver, **fields))
    return refusal.value


def is_signed(headers: dict[str, str], body: bytes, key: bytes) -> bool:
    """As the specification tells receivers to verify."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split(" "))


def test_the_body_arrives_as_written_and_signed(receiver: Receiver) -> None:
    receipt = Webhook(CONFIG).send(message(receiver, url=f"{receiver.url}?a=1&b=%20x"))
    (taken,) = receiver.taken
    assert (taken.path, taken.body.decode()) == ("/hook?a=1&b=%20x", BODY)
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["host"] == receiver.url.split("/")[2]
    assert is_signed(taken.headers, taken.body, KEY)
    assert (receipt.reference, receipt.result) == ("work:1", {"status": 204})


def test_every_try_of_one_work_has_the_same_id(receiver: Receiver) -> None:
    for number in (1, 2):
        Webhook(CONFIG).send(message(receiver, key=f"work:{number}"))
    assert receiver.seen == {"work"}


def test_the_vector_of_the_specification() -> None:
    config = {"signingSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    headers = signed_headers(config, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign(receiver: Receiver) -> None:
    Webhook(CONFIG | {"signingSecret": "plain text", "previousSigningSecret": SECRET}).send(message(receiver))
    (taken,) = receiver.taken
    assert len(taken.headers["webhook-signature"].split(" ")) == 2
    assert is_signed(taken.headers, taken.body, b"plain text")
    assert is_signed(taken.headers, taken.body, KEY)


@pytest.mark.parametrize("secret", ["", "whsec_%%%", "whsec_abc"])
def test_a_secret_that_cannot_sign_hits_everybody(receiver: Receiver, secret: str) -> None:
    assert refused(receiver, CONFIG | {"signingSecret": secret}).account_wide
    assert not receiver.taken


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_has_taken_it(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert Webhook(CONFIG).send(message(receiver)).result == {"status": status}


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, False), (401, False), (403, False), (404, False), (410, True), (422, False)]
)
def test_4xx_was_not_taken_and_only_gone_is_final(receiver: Receiver, status: int, permanent: bool) -> None:
    receiver.status = status
    refusal = refused(receiver)
    assert (refusal.permanent, refusal.account_wide, refusal.retry_after) == (permanent, False, None)


@pytest.mark.parametrize("status", [425, 429])
def test_too_early_and_too_many_wait(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Retry-After": "42"}
    assert refused(receiver).retry_after == 42


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_receiver_that_stumbles_leaves_it_open(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(OutcomeUnknown):
        Webhook(CONFIG).send(message(receiver))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": f"{receiver.url}/elsewhere"}
    assert "redirect" in str(refused(receiver))
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("mood", ["drops", "silent", "drips"])
def test_silence_and_dripping_end_in_time_and_leave_it_open(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    monkeypatch.setattr(guarded, "SECONDS", 0.5)
    receiver.mood = mood
    with pytest.raises(OutcomeUnknown):
        Webhook(CONFIG).send(message(receiver))
    assert receiver.seen == {"work"}


def test_an_endless_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.mood, receiver.status = "swells", 200
    assert Webhook(CONFIG).send(message(receiver)).result == {"status": 200}


def test_where_nobody_listens_nothing_was_sent(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    refusal = refused(receiver, url=f"http://127.0.0.1:{port}/hook")
    assert (refusal.reason, refusal.permanent) == ("not_handed_over", False)


def test_the_connection_is_tested_by_a_signed_call(receiver: Receiver) -> None:
    assert "names its own address" in Webhook(CONFIG).check()
    assert Webhook(CONFIG | {"testUrl": receiver.url}).check() == "The receiver answered 204."
    (taken,) = receiver.taken
    assert is_signed(taken.headers, taken.body, KEY)
    receiver.status = 500
    with pytest.raises(NotSent, match="500"):
        Webhook(CONFIG | {"testUrl": receiver.url}).check()
    with pytest.raises(NotSent, match="no signing secret"):
        Webhook({}).check()
