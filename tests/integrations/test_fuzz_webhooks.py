"""Every address at which providers call us, under anything that may be sent to it: no 5xx, no redirect, no change that
was not asked for by somebody with the secret. Few tries in the suite, 10,000 a source in `make verify`."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from campaigns.models import ContactAttempt
from conversions.models import Conversion
from integrations import inbox, twilio
from integrations.models import InboundEvent
from leads.models import Lead, Suppression
from retention_center.lib import clock
from retention_center.models import AuditEvent
from sequences.models import SequenceStepExecution
from tests import knobs
from tests.builders import make_attempt, make_enrollment, make_execution, make_integration, make_lead
from tests.garbage import JUNK

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("healthy")]
SECRET = "a-secret-of-thirty-two-characters"
PHONE = "+12125550123"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
KINDS = (
    FORM,
    JSON,
    "text/plain",
    "",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "\x00",
    f"{JSON};charset=x",
)
STRANGE = (b"", b"\x00", b"\xff\xfe", b"[" * 5000, b'{"a":' * 3000, b"null", b"[]", b'"x"', b"1e999", b"a=1&" * 1500)
WATCHED = (Lead, ContactAttempt, Conversion, Suppression, SequenceStepExecution, InboundEvent, AuditEvent)
CALLER = Client(raise_request_exception=False)


@dataclass(frozen=True)
class Source:
    """One address: who calls it with what, and how that is proved."""

    route: str
    provider: str
    config: dict[str, Any]
    kind: str
    samples: tuple[dict[str, Any], ...]
    prove: Callable[[str, bytes, str], tuple[str, dict[str, str]]]
    largest: int = 256 * 1024
    methods: tuple[str, ...] = field(default=("POST",))

    @property
    def path(self) -> str:
        return reverse(self.route)

    def post(self, body: bytes, kind: str = "", *, proved: bool = True, path: str = "") -> Any:
        kind, path = kind or self.kind, path or self.path
        query, headers = self.prove(path, body, kind) if proved else ("", {})
        return CALLER.generic("POST", f"{path}{query}", body, content_type=kind, headers=headers)

    def written(self, said: dict[str, Any]) -> bytes:
        return json.dumps(said).encode() if self.kind == JSON else urlencode(said).encode("utf-8", "replace")


def by_header(name: str) -> Callable[[str, bytes, str], tuple[str, dict[str, str]]]:
    return lambda _path, _body, _kind: ("", {name: SECRET})


def by_signature(path: str, body: bytes, kind: str) -> tuple[str, dict[str, str]]:
    """As Twilio signs: over the address and the form's values, or over the body's digest in the address."""
    is_json = "json" in kind.partition(";")[0]
    query = f"?bodySHA256={hashlib.sha256(body).hexdigest()}" if is_json else ""
    pairs = [] if is_json else parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return query, {"X-Twilio-Signature": twilio.sign(f"http://testserver{path}{query}", pairs, SECRET)}


TWILIO = {"accountSid": "AC1", "authToken": SECRET, "from": "+15005550006"}
SOURCES = (
    Source(
        "webhook-keitaro",
        "keitaro",
        {"webhookSecret": SECRET},
        FORM,
        (
            {"subid": "c1", "tid": "t1", "status": "sale", "payout": "9.5", "currency": "USD", "sub_id_1": "ATTEMPT"},
            {"subid": "c2", "status": "lead", "external_id": "LEAD"},
        ),
        by_header("X-Webhook-Secret"),
        methods=("GET", "POST"),
    ),
    Source(
        "webhook-twilio-status",
        "twilio",
        TWILIO,
        FORM,
        (
            {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC1", "NumSegments": "1"},
            {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "21610"},
        ),
        by_signature,
    ),
    Source(
        "webhook-twilio-inbound",
        "twilio",
        TWILIO,
        FORM,
        (
            {"MessageSid": "SM8", "From": PHONE, "To": "+15005550006", "Body": "Yes please"},
            {"MessageSid": "SM9", "From": PHONE, "To": "+15005550006", "Body": "STOP"},
        ),
        by_signature,
    ),
    Source(
        "webhook-vapi",
        "vapi",
        {"webhookAuth": "secret", "webhookSecret": SECRET},
        JSON,
        (
            {
                "message": {
                    "type": "end-of-call-report",
                    "endedReason": "customer-ended-call",
                    "cost": 0.12,
                    "startedAt": "2026-03-11T15:00:00Z",
                    "endedAt": "2026-03-11T15:01:00Z",
                    "call": {"id": "call-1", "name": "ATTEMPT", "customer": {"number": PHONE}},
                    "artifact": {"transcript": "Hello", "recordingUrl": "https://x.example.com/r.wav"},
                }
            },
            {
                "message": {
                    "type": "status-update",
                    "status": "in-progress",
                    "call": {"id": "call-1", "name": "ATTEMPT"},
                }
            },
        ),
        by_header("X-Vapi-Secret"),
        largest=4 * 1024 * 1024,
    ),
    Source(
        "webhook-instantly",
        "instantly",
        {"webhookSecret": SECRET},
        JSON,
        (
            {
                "event_type": "reply_received",
                "timestamp": "2026-03-11T15:00:00Z",
                "campaign_id": "camp-1",
                "lead_email": "grace@example.com",
                "email_id": "mail-1",
                "reply_text": "Yes",
                "rc_attempt_id": "ATTEMPT",
            },
            {"event_type": "lead_unsubscribed", "campaign_id": "camp-1", "lead_email": "grace@example.com"},
        ),
        by_header("X-Webhook-Secret"),
        largest=4 * 1024 * 1024,
    ),
)
ROUTES = {str(name) for name in get_resolver().reverse_dict if str(name).startswith("webhook-")}
every_source = pytest.mark.parametrize(
    "source", [one for one in SOURCES if one.route in ROUTES], ids=lambda one: one.route.removeprefix("webhook-")
)


@pytest.fixture
def person(db: None) -> Lead:
    """Somebody in a sequence who was written to, and of whom all samples speak."""
    lead = make_lead(phone=PHONE, email="grace@example.com", pk="LEAD")
    fields: dict[str, Any] = {"channel": "SMS", "provider": "twilio", "provider_ref": "SM1", "address": PHONE}
    attempt = make_attempt(lead, pk="ATTEMPT", called_at=clock.now(), **fields)
    run = make_enrollment(lead=lead, current_step=1)
    make_execution(run, 1, status="SENT", contact_attempt=attempt)
    make_execution(run, 2)
    return lead


def standing() -> str:
    """Everything a call could change, as one text; but how often an event was tried that is not for us yet."""
    rows = [row for model in WATCHED for row in model._default_manager.order_by("pk").values()]
    return repr([{name: value for name, value in row.items() if name not in {"tries", "next_try_at"}} for row in rows])


def garbled(random: Random, said: Any) -> Any:
    """The same with one thing wrong somewhere."""
    said = copy.deepcopy(said)
    if isinstance(said, dict) and said and random.random() < 0.9:
        name = random.choice(sorted(said))
        match random.randrange(5):
            case 0:
                del said[name]
            case 1:
                said[random.choice(JUNK)[:200]] = said.pop(name)
            case 2:
                said[name] = random.choice([None, True, -1, 1e308, [], {}, [said[name]], {name: said[name]}])
            case _:
                said[name] = garbled(random, said[name])
        return said
    return random.choice(JUNK)


def call_of(random: Random, source: Source) -> tuple[bytes, str]:
    """A body and its type: mostly something like a real one, now and then anything at all."""
    if random.random() < 0.1:
        body = random.choice([*STRANGE, random.randbytes(random.randrange(200))])
        return body, random.choice(KINDS)
    said = random.choice(source.samples)
    for _ in range(random.randrange(4)):
        said = garbled(random, said)
        if not isinstance(said, dict):
            return str(said).encode("utf-8", "replace"), random.choice(KINDS)
    bent = bytearray(source.written(said))
    if bent and random.random() < 0.1:
        bent[random.randrange(len(bent))] = random.randrange(256)
    return bytes(bent), source.kind if random.random() < 0.9 else random.choice(KINDS)


def test_every_address_is_fuzzed() -> None:
    assert {source.route for source in SOURCES} >= ROUTES


@every_source
def test_anything_with_the_secret_gets_an_answer(source: Source, person: Lead) -> None:
    make_integration(source.provider, **source.config)
    random = Random(source.route)
    for number in range(knobs.FUZZED):
        body, kind = call_of(random, source)
        answer = source.post(body, kind)
        assert answer.status_code in {200, 204, 400, 401, 403, 413, 429}, (number, answer.status_code, kind, body[:500])
    stumbled = InboundEvent.objects.filter(reason__contains=inbox.FAILED)
    assert not stumbled, [(one.kind, one.facts) for one in stumbled[:3]]


@every_source
def test_nothing_without_the_secret_changes_anything(source: Source, person: Lead) -> None:
    make_integration(source.provider, **source.config)
    before, random = standing(), Random(f"{source.route} forged")
    for number in range(knobs.FUZZED):
        body, kind = call_of(random, source)
        answer = source.post(body, kind, proved=False)
        assert answer.status_code in {400, 401, 403, 413, 429}, (number, answer.status_code, kind, body[:500])
    assert standing() == before


@every_source
def test_the_same_event_twice_changes_nothing(source: Source, person: Lead) -> None:
    make_integration(source.provider, **source.config)
    for said in source.samples:
        assert source.post(source.written(said)).status_code in {200, 204}
    before = standing()
    for said in source.samples:
        assert source.post(source.written(said)).status_code in {200, 204}
    assert standing() == before
    assert InboundEvent.objects.count() >= len(source.samples) - 1


@every_source
def test_without_a_secret_set_up_everything_is_refused(source: Source, person: Lead) -> None:
    assert source.post(b"{}").status_code == 503
    make_integration(source.provider)
    assert source.post(b"{}").status_code == 503
    assert not InboundEvent.objects.exists()


@every_source
def test_with_and_without_a_slash_and_never_by_a_redirect(source: Source, person: Lead, settings: Any) -> None:
    make_integration(source.provider, **source.config)
    settings.SECURE_SSL_REDIRECT = True
    bare = source.path.rstrip("/")
    for path, said in zip((bare, f"{bare}/"), source.samples, strict=False):
        assert source.post(source.written(said), path=path).status_code in {200, 204}


@every_source
def test_other_methods_are_refused(source: Source, person: Lead) -> None:
    make_integration(source.provider, **source.config)
    for method in {"GET", "PUT", "PATCH", "DELETE"} - set(source.methods):
        answer = CALLER.generic(method, source.path)
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]


@every_source
def test_a_body_beyond_the_limit_is_not_read(source: Source, person: Lead) -> None:
    make_integration(source.provider, **source.config)
    before = standing()
    body = source.written(source.samples[0])
    swollen = (
        body[:-1] + b" " * source.largest + body[-1:] if source.kind == JSON else body + b"&x=" + b"x" * source.largest
    )
    assert source.post(swollen).status_code == 413
    assert standing() == before


@every_source
@pytest.mark.parametrize("depth", [17, 200, 20_000])
def test_json_too_deep_to_walk_is_refused(source: Source, person: Lead, depth: int) -> None:
    make_integration(source.provider, **source.config)
    said = json.dumps(source.samples[0])[:-1] + ', "deep": ' + "[" * depth + "]" * depth + "}"
    assert source.post(said.encode(), JSON).status_code in {200, 204, 400}
    assert not InboundEvent.objects.filter(reason__contains=inbox.FAILED).exists()
