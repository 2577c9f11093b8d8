"""INV-23: what a person changes by a form of leads, campaigns and sequences stands in the audit by the same request.

The forms come from the pages themselves, as a browser would send them untouched, and each is undone afterwards. What a
request writes is read off its SQL: rows of the organisation's without an audit event beside them are a change nobody
could be asked about.
"""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from retention_center.models import AuditEvent
from tests.garbage import Form, addresses
from tests.test_garbage import Sender, _forms, _part, rows

__all__ = ["rows"]
pytestmark = [pytest.mark.django_db, pytest.mark.once]
WRITES = re.compile(r'^(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
# What belongs to one person or to the machinery: sessions, the cache, the queue; how far a job is; the day's heartbeats
NOT_AUDITED = re.compile(
    r"django_session|cache$|django_q_|retention_center_(auditevent|heartbeat|idempotencykey|secret)|django_admin_log"
)
# Files made ready, whose sending and carrying out is told; forecasts, which change nothing
PREPARING = re.compile(r"^/leads/import/\w+/(columns|check)/$|^/sequences/\w+/forecast/$")
CONFIRMED = {"confirmed": "1", "sure": "1", "reviewed": "1"}


class Traced(Sender):
    """Keeps the changes of which no audit event tells, and counts those of which one does."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.untold: list[str] = []
        self.told: set[str] = set()

    def _sent(self, method: str, address: str, data: Any, kind: str) -> Any:
        if method == "GET":
            return super()._sent(method, address, data, kind)
        written: set[str] = set()

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if found := WRITES.match(sql):
                written.add(found[1])
            return execute(sql, params, many, context)

        known = set(AuditEvent.objects.values_list("pk", flat=True))
        with connection.execute_wrapper(note):
            answer = super()._sent(method, address, data, kind)
        changed = {table for table in written if not NOT_AUDITED.search(table)}
        if answer.status_code < 400 and changed and not PREPARING.match(address):
            self._judge(address, changed, list(AuditEvent.objects.exclude(pk__in=known)))
        return answer

    def _judge(self, address: str, changed: set[str], events: list[AuditEvent]) -> None:
        if not events or not all(event.action and event.actor_name and event.object_type for event in events):
            self.untold.append(f"{address} wrote {sorted(changed)}, audit: {events}")
        else:
            self.told.add(address)


def filled(form: Form) -> dict[str, str]:
    """What is untouched, and something in each text that is empty."""
    words = dict.fromkeys(form.of_kind("text", "textarea", "search"), "Words")
    return {name: form.filled.get(name) or words.get(name, "") for name in {*form.filled, *words}} | CONFIRMED


@pytest.mark.parametrize("part", ["/leads/", "/campaigns/", "/sequences/"])
def test_what_a_form_changes_stands_in_the_audit(rows: dict[str, Any], as_admin: Client, part: str) -> None:
    send = Traced(as_admin)
    for form in _forms(send, _part(addresses(rows), part)):
        send("POST", form.action, filled(form))
        send("POST", form.action, form.filled)
    assert not send.untold, "\n".join(send.untold)
    assert len(send.told) > 1, sorted(send.told)
