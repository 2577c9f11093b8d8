"""The inbox: stored once, applied once, wholly or not at all, and never lost."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from integrations import inbox
from integrations.models import InboundEvent, IntegrationConfig
from retention_center.lib import clock

pytestmark = pytest.mark.django_db
HANDLERS = "tests.integrations.handlers."


def receive(key: str = "one", **options: Any) -> InboundEvent:
    options = {"facts": {"status": "SENT"}, "now": clock.now()} | options
    return inbox.receive("sandbox", "delivery", key, **options)[0]


@pytest.fixture
def handlers(settings: Any) -> Any:
    def use(*names: str) -> None:
        settings.INBOUND_HANDLERS = {"delivery": [HANDLERS + name for name in names]}

    return use


def was_marked() -> bool:
    return IntegrationConfig.objects.filter(provider="webhook").exists()


def test_an_event_is_stored_once(now: datetime) -> None:
    first, is_new = inbox.receive("keitaro", "conversion", "key", facts={"status": "sale"}, now=now)
    second, is_new_again = inbox.receive("keitaro", "conversion", "key", facts={"status": "other"}, now=now)
    assert (is_new, is_new_again) == (True, False)
    assert first.pk == second.pk
    assert second.facts == {"status": "sale"}


def test_the_same_key_of_another_provider_is_another_event(now: datetime) -> None:
    assert inbox.receive("keitaro", "conversion", "key", facts={}, now=now)[1]
    assert inbox.receive("twilio", "delivery", "key", facts={}, now=now)[1]


@pytest.mark.django_db(transaction=True)
def test_copies_at_once_give_one_row(now: datetime) -> None:
    gate, fresh = threading.Barrier(6), []

    def arrive() -> None:
        try:
            gate.wait()
            fresh.append(inbox.receive("keitaro", "conversion", "key", facts={}, now=now)[1])
        finally:
            connection.close()

    threads = [threading.Thread(target=arrive) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fresh) == [False] * 5 + [True]
    assert InboundEvent.objects.count() == 1


def test_an_event_is_applied_by_its_handlers_once(handlers: Any, now: datetime) -> None:
    handlers("leave_a_mark")
    event = receive()
    assert inbox.apply(event, now)
    assert event.status == "APPLIED"
    assert IntegrationConfig.objects.get(provider="webhook").config == {"marks": event.pk, "at": now.isoformat()}
    IntegrationConfig.objects.all().delete()
    assert not inbox.apply(event, now)
    assert not was_marked()


@pytest.mark.django_db(transaction=True)
def test_two_who_apply_one_event_at_once_act_once(handlers: Any, now: datetime) -> None:
    handlers("leave_a_mark_once")
    event, gate, settled = receive(), threading.Barrier(4), []

    def act() -> None:
        try:
            gate.wait()
            settled.append(inbox.apply(InboundEvent.objects.get(pk=event.pk), now))
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(settled) == [False, False, False, True]
    assert InboundEvent.objects.get().status == "APPLIED"


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        ("stumble", "WAITING", inbox.FAILED),
        ("not_yet", "WAITING", "What it speaks of has not come yet."),
        ("nobody", "UNMATCHED", "No such person."),
        ("refuse", "REFUSED", "Not for us."),
    ],
)
def test_all_handlers_or_none(handlers: Any, now: datetime, last: str, status: str, reason: str) -> None:
    handlers("leave_a_mark", last)
    event = receive()
    inbox.apply(event, now)
    event.refresh_from_db()
    assert (event.status, event.reason, event.tries) == (status, reason, 1)
    assert not was_marked()


def test_what_belongs_to_nobody_may_be_kept_for_staff(handlers: Any, now: datetime) -> None:
    handlers("keep_for_nobody")
    event = receive()
    assert inbox.apply(event, now)
    event.refresh_from_db()
    assert (event.status, event.reason) == ("UNMATCHED", "Kept, but it belongs to nobody we know.")
    assert was_marked()


def test_an_early_event_waits_longer_each_time(handlers: Any, now: datetime) -> None:
    handlers("not_yet")
    event, waits = receive(), []
    for _ in range(9):
        inbox.apply(event, now)
        waits.append(round((event.next_try_at - clock.now()).total_seconds()))
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_round_takes_up_what_is_due_and_no_more(handlers: Any, now: datetime) -> None:
    handlers("leave_a_mark")
    due, resting = receive("due"), receive("resting")
    InboundEvent.objects.filter(pk=resting.pk).update(next_try_at=clock.now() + timedelta(minutes=5))
    assert inbox.apply_waiting(now, 10) == 1
    assert InboundEvent.objects.get(pk=due.pk).status == "APPLIED"
    assert InboundEvent.objects.get(pk=resting.pk).status == "WAITING"


@pytest.mark.parametrize("last", ["not_yet", "stumble"])
def test_after_three_days_staff_must_look(handlers: Any, now: datetime, last: str) -> None:
    handlers(last)
    event = receive(now=clock.now() - timedelta(hours=73))
    assert inbox.apply_waiting(now, 10) == 1
    event.refresh_from_db()
    assert event.status == "UNMATCHED"
    assert event.reason.startswith("Tried for 72 hours.")


def test_an_event_of_a_kind_nobody_acts_on_is_refused(settings: Any, now: datetime) -> None:
    settings.INBOUND_HANDLERS = {}
    event = receive()
    inbox.apply(event, now)
    assert event.status == "REFUSED"


@pytest.mark.parametrize("status", ["UNMATCHED", "REFUSED", "WAITING"])
def test_staff_may_have_an_event_tried_again(handlers: Any, now: datetime, status: str) -> None:
    handlers("leave_a_mark")
    event = receive()
    InboundEvent.objects.filter(pk=event.pk).update(status=status, next_try_at=clock.now() + timedelta(hours=1))
    inbox.replay(InboundEvent.objects.get(pk=event.pk), now)
    assert InboundEvent.objects.get(pk=event.pk).status == "APPLIED"


def test_an_applied_event_is_not_tried_again(handlers: Any, now: datetime) -> None:
    handlers("leave_a_mark")
    event = receive()
    inbox.apply(event, now)
    with pytest.raises(inbox.AlreadyApplied):
        inbox.replay(event, now)


def test_staff_may_say_whom_an_event_speaks_of(handlers: Any, now: datetime) -> None:
    handlers("leave_a_mark")
    event = receive()
    InboundEvent.objects.filter(pk=event.pk).update(status="UNMATCHED")
    inbox.link(InboundEvent.objects.get(pk=event.pk), lead_id="L1", attempt_id="A1", now=now)
    event.refresh_from_db()
    assert (event.lead_id, event.attempt_id, event.status) == ("L1", "A1", "APPLIED")
