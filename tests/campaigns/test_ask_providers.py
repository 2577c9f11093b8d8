"""What callbacks did not tell is asked for: a lost last word, and the price."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaigns import polling
from campaigns.models import ContactAttempt
from retention_center.lib import clock
from tests.builders import make_attempt, make_integration
from tests.integrations import twilio_server as stub

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def outside(settings: Any) -> Iterator[stub.Twilio]:
    make_integration("twilio", **stub.CONFIG)
    with stub.twilio_server() as server:
        settings.TWILIO_API_URL = server.url
        yield server


def sent(server: stub.Twilio, **fields: Any) -> ContactAttempt:
    _status, message = server.create({"To": "+14155552671", "Body": "Hello", "From": "+15005550006"})
    defaults = {"channel": "SMS", "provider": "twilio", "provider_ref": message["sid"]}
    return make_attempt(**defaults | {"started_at": clock.now() - HOUR} | fields)


def test_the_price_and_the_last_word_are_fetched(outside: stub.Twilio) -> None:
    attempt = sent(outside)
    outside.messages[str(attempt.provider_ref)] |= {"status": "delivered", "price": "-0.00790", "price_unit": "USD"}
    assert polling.ask(clock.now()) == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.cost, attempt.currency) == ("DELIVERED", Decimal("0.0079"), "USD")
    assert polling.ask(clock.now()) == 0


def test_what_tells_no_price_is_asked_twice_and_no_more(outside: stub.Twilio) -> None:
    attempt = sent(outside)
    now = clock.now()
    assert [polling.ask(now + wait) for wait in (0 * HOUR, HOUR, 24 * HOUR, 25 * HOUR, 80 * HOUR)] == [1, 0, 1, 0, 0]
    attempt.refresh_from_db()
    assert attempt.result["asked"] == 2


def test_what_is_fresh_or_has_a_price_is_left_alone(outside: stub.Twilio) -> None:
    sent(outside, started_at=clock.now())
    sent(outside, cost=Decimal("0.01"))
    make_attempt(provider="smtp", provider_ref="m", started_at=clock.now() - HOUR)
    assert polling.ask(clock.now()) == 0


def test_a_message_that_twilio_forgot_is_not_asked_about_for_ever(outside: stub.Twilio) -> None:
    attempt = sent(outside, provider_ref="SM" + "f" * 32)
    assert polling.ask(clock.now()) == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.result["asked"]) == ("SENT", 1)


def test_a_provider_that_does_not_answer_is_asked_again_later(outside: stub.Twilio) -> None:
    sent(outside)
    make_integration("twilio", **stub.CONFIG | {"authToken": "wrong"})
    assert polling.ask(clock.now()) == 0


def test_what_has_a_price_but_no_last_word_is_asked_about_after_a_day(outside: stub.Twilio) -> None:
    attempt = sent(outside, cost=Decimal("0.0079"), started_at=clock.now() - 25 * HOUR)
    outside.messages[str(attempt.provider_ref)]["status"] = "delivered"
    assert polling.ask(clock.now()) == 1
    attempt.refresh_from_db()
    assert (attempt.status, attempt.cost) == ("DELIVERED", Decimal("0.0079"))


def test_a_reference_that_nobody_can_read_keeps_no_other_from_being_asked_about(outside: stub.Twilio) -> None:
    sent(outside, provider_ref="carried over", started_at=clock.now() - 2 * HOUR)
    attempt = sent(outside)
    outside.messages[str(attempt.provider_ref)]["status"] = "delivered"
    assert polling.ask(clock.now()) == 2
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"
    outside.broken.clear()
