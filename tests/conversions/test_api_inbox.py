"""Inbound events by the API: seen, tried again, linked to whom they speak of."""

from typing import Any

import pytest

from conversions.models import Conversion
from integrations.models import InboundEvent
from leads.models import Lead
from retention_center.models import AuditEvent
from tests.builders import make_attempt, make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(postback: Any) -> InboundEvent:
    postback(status="sale", payout="5")
    return InboundEvent.objects.get()


def test_what_belongs_to_nobody_is_seen(api: Any, event: InboundEvent) -> None:
    answer = api("viewer").get("/api/inbox", {"status": "UNMATCHED", "provider": "keitaro"}).json()
    (shown,) = answer["data"]
    assert (shown["id"], shown["status"], shown["kind"]) == (event.pk, "UNMATCHED", "conversion")
    assert shown["payload"] == {"subid": "click-1", "status": "sale", "payout": "5"}
    assert "link it" in shown["reason"]
    assert api("viewer").get("/api/inbox", {"status": "APPLIED"}).json()["total"] == 0


@pytest.mark.parametrize("by", ["leadId", "attemptId"])
def test_linking_an_event_applies_it(api: Any, event: InboundEvent, by: str) -> None:
    attempt = make_attempt()
    wanted = {"leadId": attempt.lead_id, "attemptId": attempt.pk}[by]
    answer = api("operator").post(f"/api/inbox/{event.pk}/link", {by: wanted})
    assert (answer.status_code, answer.json()["status"]) == (200, "APPLIED")
    row = Conversion.objects.get()
    assert row.lead_id == attempt.lead_id
    assert Lead.objects.get(pk=row.lead_id).status == "CONVERTED"
    assert AuditEvent.objects.filter(action="link", object_id=event.pk).count() == 1
    assert api("operator").post(f"/api/inbox/{event.pk}/link", {by: wanted}).status_code == 409


def test_a_replay_finds_what_has_come_meanwhile(api: Any, event: InboundEvent) -> None:
    assert api("operator").post(f"/api/inbox/{event.pk}/replay").json()["status"] == "UNMATCHED"
    make_lead(external_id="click-1")
    assert api("operator").post(f"/api/inbox/{event.pk}/replay").json()["status"] == "APPLIED"
    assert api("operator").post(f"/api/inbox/{event.pk}/replay").status_code == 409
    assert Conversion.objects.count() == 1


@pytest.mark.parametrize(
    "body", [{}, {"leadId": "nobody"}, {"attemptId": "none"}, {"leadId": "x" * 41}, {"leadId": ""}]
)
def test_whom_it_is_linked_to_must_be_there(api: Any, event: InboundEvent, body: dict[str, str]) -> None:
    assert api("operator").post(f"/api/inbox/{event.pk}/link", body).status_code == 400


def test_viewers_only_look(api: Any, event: InboundEvent) -> None:
    assert api("viewer").post(f"/api/inbox/{event.pk}/replay").status_code == 403
    assert api("viewer").post(f"/api/inbox/{event.pk}/link", {}).status_code == 403
