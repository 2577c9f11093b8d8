"""The inbox page: what came in, why it waits, tried again, linked to whom it speaks of."""

from typing import Any

import pytest

from integrations.models import KIND_WORDS, InboundEvent
from leads.models import Lead
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_inbound_event, make_lead

pytestmark = pytest.mark.django_db


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_says_what_came_from_whom_and_why_it_waits(as_viewer: Any) -> None:
    lead = make_lead(first_name="Grace")
    make_inbound_event(status="APPLIED", lead_id=lead.pk)
    make_inbound_event(status="UNMATCHED", kind="message", facts={"keyword": "stop"}, reason="No lead has this number.")
    text = text_of(as_viewer.get("/inbox/"))
    for words in ("Delivery report, delivered", "Grace", "Message from a person, stop", "No lead has this number."):
        assert words in text
    assert "Twilio" in text
    assert "2 events" in text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=UNMATCHED,REFUSED", 2),
        ("status=WAITING", 1),
        ("provider=keitaro", 1),
        ("kind=message", 1),
        ("search=needle", 1),
        ("provider=vapi", 0),
    ],
)
def test_the_list_is_filtered_by_its_address(as_viewer: Any, query: str, count: int) -> None:
    make_inbound_event(provider="keitaro", kind="conversion", status="REFUSED", reason="Erased.")
    make_inbound_event(kind="message", status="UNMATCHED", reason="Nobody.")
    make_inbound_event(status="APPLIED")
    make_inbound_event(provider_ref="needle")
    assert f"{count} event" in text_of(as_viewer.get(f"/inbox/?{query}"))


def test_the_list_costs_the_same_however_long(as_viewer: Any, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        attempt = make_attempt()
        make_inbound_event(status="APPLIED", attempt_id=attempt.pk)
    with django_assert_max_num_queries(12):
        as_viewer.get("/inbox/")


def test_an_event_shows_its_facts_and_what_came(as_viewer: Any) -> None:
    attempt = make_attempt(make_lead(first_name="Grace"))
    event = make_inbound_event(status="REFUSED", reason="Not for us.", attempt_id=attempt.pk, payload={"Body": "<b>Hi"})
    text = text_of(as_viewer.get(f"/inbox/{event.pk}/"))
    for words in ("Not for us.", "result.status", "&lt;b&gt;Hi", attempt.get_absolute_url(), "Grace"):
        assert words in text
    assert "Try it again" not in text
    assert "It is this lead" not in text


def test_a_waiting_event_says_when_it_is_tried_again(as_operator: Any) -> None:
    event = make_inbound_event(attempt_id="unknown")
    assert as_operator.post(f"/inbox/{event.pk}/replay/").status_code == 302
    text = text_of(as_operator.get(f"/inbox/{event.pk}/"))
    assert "It still waits: What it speaks of has not come yet." in text
    assert "The next try is" in text


def test_staff_find_the_contact_and_link_it(as_operator: Any) -> None:
    attempt = make_attempt(make_lead(email="grace@example.com"), channel="SMS", provider="twilio", status="SENT")
    event = make_inbound_event(status="UNMATCHED", reason="Tried for 72 hours.")
    text = text_of(as_operator.get(f"/inbox/{event.pk}/", {"q": "grace@example.com"}))
    assert f'name="attempt" value="{attempt.pk}"' in text
    answer = as_operator.post(f"/inbox/{event.pk}/link/", {"attempt": attempt.pk}, follow=True)
    assert "It is applied." in text_of(answer)
    attempt.refresh_from_db()
    assert attempt.status == "DELIVERED"
    assert AuditEvent.objects.filter(action="link", object_id=event.pk).count() == 1
    assert "was applied already" in text_of(as_operator.post(f"/inbox/{event.pk}/replay/", follow=True))


def test_staff_say_which_lead_a_conversion_is_of(as_operator: Any, postback: Any) -> None:
    postback(status="sale", payout="5")
    lead = make_lead()
    event = InboundEvent.objects.get()
    as_operator.post(f"/inbox/{event.pk}/link/", {"lead": lead.pk})
    assert InboundEvent.objects.get().status == "APPLIED"
    assert Lead.objects.get(pk=lead.pk).status == "CONVERTED"


@pytest.mark.parametrize("given", [{}, {"lead": "nobody"}, {"attempt": "\x00"}, {"lead": "x" * 500}])
def test_whom_it_is_linked_to_must_be_there(as_operator: Any, given: dict[str, str]) -> None:
    event = make_inbound_event(status="UNMATCHED", reason="Nobody.")
    answer = as_operator.post(f"/inbox/{event.pk}/link/", given, follow=True)
    assert "Choose a lead or a contact" in text_of(answer)
    assert InboundEvent.objects.get().status == "UNMATCHED"


def test_a_search_that_finds_nobody_says_so(as_operator: Any) -> None:
    event = make_inbound_event(status="UNMATCHED", reason="Nobody.")
    assert "No lead is found by that." in text_of(as_operator.get(f"/inbox/{event.pk}/", {"q": "nobody at all"}))


def test_every_kind_of_event_has_words(settings: Any) -> None:
    assert set(settings.INBOUND_HANDLERS) <= set(KIND_WORDS)


def test_viewers_only_look(as_viewer: Any) -> None:
    event = make_inbound_event()
    assert as_viewer.post(f"/inbox/{event.pk}/replay/").status_code == 403
    assert as_viewer.post(f"/inbox/{event.pk}/link/", {}).status_code == 403
