"""Planted secrets and personal data, after everything was done with them: looked for wherever they must not be."""

import base64
import io
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django_q.models import OrmQ
from structlog.stdlib import ProcessorFormatter

from campaigns.models import ContactAttempt
from conversions.models import Conversion
from integrations import overview, twilio
from integrations.models import InboundEvent
from leads.importing import start
from leads.models import Lead
from retention_center.audit import SYSTEM
from retention_center.lib.encryption import TOKENS_BEGIN
from sequences import processor
from sequences.enrolling import enroll
from tests import builders
from tests.integrations import twilio_server as stub
from tests.integrations.receiver import receiving

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]

SECRETS = {  # by provider and option
    "smtp": {"password": "canary-smtp-password-5f3e"},
    "twilio": {"authToken": stub.TOKEN, "previousAuthToken": "canary-twilio-before-77aa01c2"},
    "vapi": {"apiKey": "canary-vapi-key-91d2c3b4", "webhookSecret": "canary-vapi-hook-0c9d8e7f"},
    "instantly": {"apiKey": "canary-instantly-key-6b5a4c3d", "webhookSecret": "canary-instantly-hook-1a2b"},
    "keitaro": {"webhookSecret": "canary-keitaro-hook-&+/=-3d2e1f", "adminApiKey": "canary-keitaro-admin-8e7d"},
    "webhook": {"signingSecret": "canary-signing-secret-44b3", "previousSigningSecret": "canary-signing-before-2c1d"},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "twilio": {"accountSid": stub.ACCOUNT, "from": "+15005550006"},
    "vapi": {"assistantId": "assistant-1", "phoneNumberId": "number-1", "webhookAuth": "secret"},
    "instantly": {"emailAccounts": ["sales@example.org"]},
    "webhook": {"allowHttp": True},
}
FORGED = "canary-wrong-secret-guess-5e4d"
EMAIL, PHONE = "canary.person@canary-mail.example", "+12125559871"
NAMES = ("Canarina", "Featherstonehaugh")
WRITTEN = "The canary sings at noon"
PERSONAL = (EMAIL, PHONE, PHONE[1:], *NAMES, WRITTEN)
PAGES = (
    "/", "/leads/", "/leads/?export=csv", "/attempts/", "/attempts/?export=csv", "/inbox/", "/inbox/?export=csv",
    "/conversions/", "/health/", "/integrations/", *(f"/integrations/{name}/" for name in SECRETS),
    "/admin/integrations/integrationconfig/", "/admin/integrations/inboundevent/", "/api/integrations", "/api/inbox",
    "/api/audit", "/api/attempts", "/api/leads", *(f"/api/integrations/{name}" for name in SECRETS),
)  # fmt: skip


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Whatever is logged, as it is written out."""
    root, written = logging.getLogger(), io.StringIO()
    handler = logging.StreamHandler(written)
    ours = next(one for one in root.handlers if isinstance(one.formatter, ProcessorFormatter))
    handler.setFormatter(ours.formatter)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


@pytest.fixture
def nowhere() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Seen:
    """Everything the outside was answered: ``errors`` are what strangers and failures got."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.errors: list[str] = []

    def take(self, answer: Any) -> Any:
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        text = f"{answer.headers}\n{body.decode('utf-8', 'replace')}"
        (self.errors if answer.status_code >= 400 else self.all).append(text)
        return answer


def set_up(api: Any, seen: Seen, nowhere: int) -> None:
    """Every provider, as an admin would, and tested."""
    places = {"smtp": {"host": "127.0.0.1", "port": nowhere, "username": "canary"}}
    for name, secrets in SECRETS.items():
        config = OPTIONS.get(name, {}) | places.get(name, {}) | secrets
        assert api.put(f"/api/integrations/{name}", {"isActive": True, "config": config}).status_code == 200
        seen.take(api.post(f"/api/integrations/{name}/test"))


def contact(receiver_url: str, now: datetime) -> Lead:
    """By webhook, by SMS, by e-mail to a server that is not there: sent, refused and failed."""
    lead = builders.make_lead(email=EMAIL, phone=PHONE, first_name=NAMES[0], last_name=NAMES[1], notes=WRITTEN)
    body = json.dumps({"who": "{{ firstName }} {{ lastName }}", "email": "{{ email }}", "says": WRITTEN})
    scripts = {
        "WEBHOOK": builders.make_script("WEBHOOK", content=body, url=receiver_url),
        "SMS": builders.make_script("SMS", content=f"{{{{ firstName }}}}: {WRITTEN}"),
        "EMAIL": builders.make_script("EMAIL", content=f"{{{{ lastName }}}}: {WRITTEN}", provider="smtp"),
    }
    steps = [
        {"channel": name, "script": script, "delay_value": 0, "delay_unit": "HOURS"} for name, script in scripts.items()
    ]
    enroll(builders.make_sequence(steps), [lead.pk], now=now, source="manual", actor=SYSTEM)
    for hours in range(4):
        processor.run(now + timedelta(hours=hours), until_idle=True)
    return lead


def call_back(seen: Seen, lead: Lead) -> None:
    """What providers tell, and what strangers try."""
    caller = Client(raise_request_exception=False)
    secret = SECRETS["keitaro"]["webhookSecret"]
    said = {"subid": "c1", "status": "sale", "payout": "5", "external_id": lead.pk, "note": secret, "name": NAMES[1]}
    seen.take(caller.get("/api/webhooks/keitaro", {"secret": secret} | said))
    seen.take(caller.post("/api/webhooks/keitaro", {"secret": secret, "status": "sale"}))
    for path in ("keitaro", "twilio/status", "twilio/inbound", "vapi", "instantly"):
        headers = {"X-Webhook-Secret": FORGED, "X-Vapi-Secret": FORGED, "Authorization": f"Bearer {FORGED}"}
        forged = {"secret": FORGED, "From": PHONE, "Body": WRITTEN, "email": EMAIL}
        seen.take(caller.post(f"/api/webhooks/{path}?secret={FORGED}", forged, headers=headers))
    for number, text in enumerate((WRITTEN, "STOP")):
        told = {"MessageSid": f"SM{number}", "From": PHONE, "To": "+15005550006", "Body": text}
        url = "/api/webhooks/twilio/inbound"
        proof = {"X-Twilio-Signature": twilio.sign(f"http://testserver{url}", told.items(), stub.TOKEN)}
        kind = "application/x-www-form-urlencoded"
        assert seen.take(caller.post(url, urlencode(told), content_type=kind, headers=proof)).status_code == 200


def queue_work(on_commit: Any) -> str:
    """An import waits in the queue: what its task carries."""
    content = f"Email,Phone,Name\n{EMAIL},{PHONE},{NAMES[0]}\n".encode()
    with on_commit(execute=True):
        start.run(start.upload(content, "leads.csv", actor=SYSTEM), actor=SYSTEM)
    assert OrmQ.objects.exists()
    return repr([task.task for task in OrmQ.objects.all()])


def look_around(admin: Client, seen: Seen, lead: Lead) -> None:
    events = [f"/inbox/{pk}/" for pk in InboundEvent.objects.values_list("pk", flat=True)]
    attempts = [f"/attempts/{pk}/" for pk in ContactAttempt.objects.values_list("pk", flat=True)]
    for path in (*PAGES, *events, *attempts, lead.get_absolute_url()):
        assert seen.take(admin.get(path)).status_code == 200, path


def fail(admin: Client, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are not there, and one that breaks with everything in its hands."""

    def breaks(*_: Any) -> None:
        raise ValueError(
            f"{EMAIL} {PHONE} Bearer {SECRETS['vapi']['apiKey']} secret={SECRETS['vapi']['webhookSecret']}"
        )

    admin.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(overview, "providers", breaks)
        assert seen.take(admin.get("/integrations/")).status_code == 500
    for path in (f"/leads/{quote(EMAIL)}/", f"/api/leads/{quote(PHONE)}", f"/nowhere/?secret={FORGED}&email={EMAIL}"):
        assert admin.get(path).status_code == 404  # the page knows the address it was asked by; the logs must not


def dump(*, only: str = "") -> str:
    """Every row of every table whose name begins so, as its database holds it."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(only):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
                rows += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(rows)


def spellings(secret: str) -> set[str]:
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    }


def hiding(places: dict[str, str], words: set[str]) -> list[str]:
    """Where one of the words stands, with what is around it."""
    return [
        f"{word!r} in {place}: …{text[max(at - 80, 0) : at + 80]}…"
        for place, text in places.items()
        for word in words
        if (at := text.find(word)) >= 0
    ]


def test_secrets_and_personal_data_stay_where_they_belong(
    api: Any,
    as_admin: Client,
    logs: io.StringIO,
    now: datetime,
    nowhere: int,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    seen, key = Seen(), builders.make_api_key("admin")
    with stub.twilio_server() as sms, receiving() as receiver:
        settings.TWILIO_API_URL = sms.url
        settings.VAPI_API_URL = settings.INSTANTLY_API_URL = f"http://127.0.0.1:{nowhere}"
        set_up(api("admin"), seen, nowhere)
        lead = contact(receiver.url, now)
        assert receiver.taken
        assert sms.posted
    call_back(seen, lead)
    assert Conversion.objects.count() == 1
    queued = queue_work(django_capture_on_commit_callbacks)
    look_around(as_admin, seen, lead)
    fail(as_admin, seen, monkeypatch)
    with suppress(SystemExit):
        call_command("doctor")
    told = capsys.readouterr()

    everywhere = {"database": dump(), "logs": logs.getvalue(), "answers": "\n".join(seen.all + seen.errors)}
    everywhere |= {"output": told.out + told.err}
    assert "inbound" in everywhere["database"]
    assert "Internal Server Error" in everywhere["logs"]
    secrets = {spelt for each in SECRETS.values() for one in each.values() for spelt in spellings(one)}
    assert not hiding(everywhere, secrets | spellings(key))
    assert not hiding(everywhere, {FORGED})
    private = {name: everywhere[name] for name in ("logs", "output")} | {
        "errors": "\n".join(seen.errors),
        "tasks": dump(only="django_q") + queued,
        "cache": dump(only="cache"),
    }
    assert not hiding(private, set(PERSONAL))
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM integrations_integrationconfig")
        assert all(TOKENS_BEGIN in str(row[0])[:10] for row in cursor.fetchall())
