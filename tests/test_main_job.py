"""The main job from end to end, as another system would drive it: leads in, messages out, conversions back."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client

from campaigns.models import ContactAttempt
from campaigns.policy import Zones
from campaigns.rules import zones_of
from leads.models import Lead
from sequences.models import SequenceEnrollment, SequenceStepExecution
from tests.wire import Wire

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300), pytest.mark.usefixtures("healthy")]
FILE = Path(__file__).parent / "data" / "crm_export.csv"
SECRET = "a secret for postbacks of 32 chars"
START = datetime(2027, 1, 4, 6, 0, tzinfo=UTC)
SIX_HOURS = timedelta(hours=6)


def command(name: str, *arguments: str) -> dict:
    """A management command's last line of output."""
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return json.loads(out.getvalue().splitlines()[-1])


def ok(answer, status: int = 200) -> dict:
    assert answer.status_code == status, answer.content
    return answer.json()


@pytest.fixture
def wire(api) -> Wire:
    return api("admin")


def three_steps(wire: Wire) -> str:
    """A running sequence of an e-mail, an SMS a day later, and an e-mail three days after that."""
    mail = ok(
        wire.post(
            "/api/scripts",
            {"name": "We miss you", "type": "EMAIL", "content": "Hello {{ firstName | default: 'you' }}"},
        ),
        201,
    )
    text = ok(wire.post("/api/scripts", {"name": "Reminder", "type": "SMS", "content": "Still there?"}), 201)
    sequence = ok(wire.post("/api/sequences", {"name": "Win back", "triggerType": "manual"}), 201)["id"]
    steps = [
        {"channel": "EMAIL", "scriptId": mail["id"], "delayValue": 1, "delayUnit": "HOURS"},
        {"channel": "SMS", "scriptId": text["id"], "delayValue": 1, "delayUnit": "DAYS"},
        {"channel": "EMAIL", "scriptId": mail["id"], "delayValue": 3, "delayUnit": "DAYS"},
    ]
    ok(wire.put(f"/api/sequences/{sequence}/steps", {"steps": steps}))
    ok(wire.patch(f"/api/sequences/{sequence}", {"status": "ACTIVE"}))
    return sequence


def enroll_everybody(wire: Wire, sequence: str) -> int:
    page, ids = ok(wire.get("/api/leads", {"pageSize": 200})), []
    while True:
        ids += [lead["id"] for lead in page["data"]]
        if not page["nextCursor"]:
            break
        page = ok(wire.get("/api/leads", {"pageSize": 200, "cursor": page["nextCursor"]}))
    return ok(wire.post(f"/api/sequences/{sequence}/enrollments", {"leadIds": ids}), 200)["enrolled"]


def three_weeks(from_hour: int = 0, to_hour: int = 21 * 24) -> None:
    for hours in range(from_hour, to_hour, 6):
        command("process_sequences", "--now", (START + timedelta(hours=hours)).isoformat())


def postback(status: str, attempt: ContactAttempt, *, method: str = "get", **more: str) -> None:
    parameters = {"secret": SECRET, "subid": f"click-{attempt.pk}", "sub_id_1": attempt.pk, "status": status, **more}
    answer = getattr(Client(), method)("/api/webhooks/keitaro", parameters)
    assert (answer.status_code, answer.content) == (200, b"OK")


def test_everybody_gets_each_step_once_in_order_inside_the_window_or_a_reason(wire):
    assert command("import_leads", str(FILE))["created"] == 1990
    ok(wire.put("/api/integrations/sandbox", {"isActive": True, "config": {}}))
    sequence = three_steps(wire)
    assert enroll_everybody(wire, sequence) == 1990
    at_the_start()

    three_weeks()

    assert_nobody_was_contacted_outside_the_hours()
    assert_each_step_once_and_in_order()
    counts = ok(wire.get(f"/api/sequences/{sequence}/stats"))
    assert counts["byStatus"] == {"COMPLETED": 1990}


def at_the_start() -> None:
    """The API enrolls at the real time; the story begins on a Monday morning."""
    due = START + timedelta(hours=1)
    SequenceEnrollment.objects.update(enrolled_at=START)
    SequenceStepExecution.objects.update(scheduled_at=due, due_at=due)


def assert_nobody_was_contacted_outside_the_hours() -> None:
    for attempt in ContactAttempt.objects.select_related("lead"):
        assert attempt.lead is not None
        zones: Zones = zones_of(attempt.lead)
        for zone in zones.names if attempt.policy_snapshot["zoneSource"] != "organisation" else zones.names[:1]:
            assert 8 <= attempt.started_at.astimezone(ZoneInfo(zone)).hour < 21


def assert_each_step_once_and_in_order() -> None:
    by_lead = defaultdict(list)
    for execution in SequenceStepExecution.objects.select_related("step", "lead").order_by("executed_at", "id"):
        by_lead[execution.lead].append(execution)
    assert len(by_lead) == 1990
    for lead, executions in by_lead.items():
        assert [execution.step.step_order for execution in executions] == [1, 2, 3]
        for execution in executions:
            has_address = lead.phone if execution.step.channel == "SMS" else lead.email
            expected = ("SENT", "") if has_address else ("SKIPPED", "no_address")
            assert (execution.status, execution.reason) == expected


def test_conversions_come_back_stop_their_sequences_and_count_once(wire):
    command("import_leads", str(FILE))
    ok(wire.put("/api/integrations/sandbox", {"isActive": True, "config": {}}))
    ok(wire.put("/api/integrations/keitaro", {"isActive": True, "config": {"webhookSecret": SECRET}}))
    sequence = three_steps(wire)
    enroll_everybody(wire, sequence)
    at_the_start()
    three_weeks(to_hour=24)
    first, second, third = ContactAttempt.objects.order_by("pk")[:3]

    for _ in range(2):
        postback("lead", first, payout="50")
        postback("sale", first, method="post", payout="60.5")
    postback("sale", second, payout="10")
    postback("rejected", second)
    postback("lead", third, payout="99")

    stats = ok(wire.get("/api/conversions/stats"))
    assert (stats["total"], Decimal(str(stats["revenue"]))) == (3, Decimal("60.5"))
    assert stats["byStatus"] == {"sale": 1, "rejected": 1, "lead": 1}
    statuses = [Lead.objects.get(pk=attempt.lead_id).status for attempt in (first, second, third)]
    assert statuses == ["CONVERTED", "IN_PROGRESS", "CONTACTED"]

    three_weeks(from_hour=24)
    contacts = [ContactAttempt.objects.filter(lead=attempt.lead_id).count() for attempt in (first, second)]
    assert contacts == [1, 1]
    assert ContactAttempt.objects.filter(lead=third.lead_id).count() > 1
    ended = SequenceEnrollment.objects.filter(lead__in=[first.lead_id, second.lead_id])
    assert set(ended.values_list("status", flat=True)) == {"CONVERTED"}
