"""The circuit breaker: what fails for everybody is left alone, told to staff, and tried again with one message."""

from datetime import timedelta

import pytest

from integrations import breaker, pace
from integrations.breaker import Outcomes
from integrations.models import ProviderBreaker
from retention_center.lib import clock
from retention_center.models import AuditEvent

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at():
    return clock.now()


def note(real_now, name: str = "smtp", **came) -> None:
    breaker.note({name: Outcomes(**came)}, real_now)


def row(name: str = "smtp") -> ProviderBreaker:
    return ProviderBreaker.objects.get(pk=name)


def test_bad_credentials_open_it_at_once(at):
    note(at, refused=1, detail="535 Authentication failed")

    assert (row().opened_at, row().retry_at, row().reason) == (at, at + MINUTE, "535 Authentication failed")
    assert list(breaker.standing(at)) == ["smtp"]
    event = AuditEvent.objects.get()
    assert (event.action, event.object_label, event.after["reason"]) == (
        "provider fails",
        "smtp",
        "535 Authentication failed",
    )


def test_five_failures_in_a_row_open_it(at):
    note(at, failed=4)
    assert not breaker.standing(at)
    note(at, failed=1, detail="timed out")
    assert list(breaker.standing(at)) == ["smtp"]


def test_a_success_between_them_begins_the_count_anew(at):
    note(at, failed=4)
    note(at, answered=1, failed=3)
    note(at, failed=4)
    assert not breaker.standing(at)


def test_a_message_refused_for_its_own_sake_shows_that_the_provider_works(at):
    note(at, refused=1)
    note(at + MINUTE, answered=1)
    assert row().opened_at is None


def test_while_all_goes_well_nothing_is_written(at, django_assert_num_queries):
    with django_assert_num_queries(1):
        note(at, answered=500)
    assert not ProviderBreaker.objects.exists()


def test_one_message_tries_again_and_of_several_workers_one_wins(at):
    note(at, refused=1)
    rates = {"smtp": None}

    assert pace.take({"smtp": 50}, rates, at + MINUTE / 2) == {"smtp": 0}
    later = at + MINUTE
    assert pace.take({"smtp": 50}, rates, later) == {"smtp": 1}
    assert pace.take({"smtp": 50}, rates, later) == {"smtp": 0}
    assert list(breaker.standing(later)) == ["smtp"]


def test_a_try_that_is_lost_is_repeated(at):
    note(at, refused=1)
    assert pace.take({"smtp": 50}, {}, at + MINUTE) == {"smtp": 1}
    assert pace.take({"smtp": 50}, {}, at + 2 * MINUTE) == {"smtp": 1}


def test_the_other_providers_go_on(at):
    note(at, refused=1)
    assert pace.take({"smtp": 5, "twilio": 5}, {}, at) == {"smtp": 0, "twilio": 5}


def test_the_waits_grow_and_a_success_closes_it(at):
    waits, now = [], at
    for _ in range(7):
        note(now, failed=5)
        waits.append((row().retry_at - now) // MINUTE)
        now = row().retry_at
    assert waits == [1, 2, 5, 15, 30, 30, 30]

    note(now, answered=1)
    assert not breaker.outages()
    assert pace.take({"smtp": 50}, {}, now) == {"smtp": 50}
    assert list(AuditEvent.objects.order_by("at", "id").values_list("action", flat=True)) == [
        "provider fails",
        "provider works again",
    ]


def test_being_asked_to_wait_brakes_the_whole_provider_and_is_no_outage(at):
    note(at, answered=3, retry_after=90, detail="Too many requests")
    note(at, retry_after=20)

    (standing,) = breaker.standing(at).values()
    assert (standing.opened_at, standing.retry_at) == (None, at + timedelta(seconds=90))
    assert not breaker.outages()
    assert pace.take({"smtp": 50}, {}, at + 2 * MINUTE) == {"smtp": 50}


def test_a_reason_names_nobody(at):
    note(at, failed=5, detail="451 <ada@example.com> try later")
    assert row().reason == "451 … try later"


def test_the_list_of_providers_says_what_stands(as_operator, at):
    note(at, refused=1, detail="535 no")
    assert "Fails for everybody since" in as_operator.get("/integrations/").content.decode()
    page = as_operator.get("/integrations/smtp/").content.decode()
    assert "535 no" in page
    assert "Try now" in page
    answer = as_operator.post("/integrations/smtp/try/", follow=True).content.decode()
    assert "The next message tries SMTP now" in answer
    assert ">Try now<" not in answer


def test_viewers_may_not_have_it_tried(as_viewer):
    assert as_viewer.post("/integrations/smtp/try/").status_code == 403
