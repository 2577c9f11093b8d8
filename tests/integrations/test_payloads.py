"""What each provider may send, and what must come of it: everything a row does not name stays as it was.

The world is one lead, whose sequence has sent an SMS, made a call and sent an e-mail, and has a last step planned. A
row is what comes in, in this order, and what is different afterwards.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from unittest.mock import ANY
from urllib.parse import urlencode

import pytest
from django.test import Client

from campaigns.models import ContactAttempt
from conversions.models import Conversion
from integrations.models import InboundEvent
from leads.models import Lead, Suppression
from retention_center.lib import clock
from sequences.models import SequenceEnrollment
from tests.builders import (
    make_attempt,
    make_campaign,
    make_enrollment,
    make_execution,
    make_integration,
    make_lead,
    make_sequence,
)

pytestmark = [pytest.mark.django_db, pytest.mark.once]
PUBLIC = "https://rc.example.com"
SECRET, OLD, WRONG = (
    "the-secret-that-counts-now-7d1c",
    "the-secret-before-that-one-22f0",
    "somebody-else-guesses-this-9e",
)
PHONE, EMAIL, REMOTE = "+12125550123", "ada@example.com", "019c0000-0000-7000-8000-0000000000c1"
PROVIDERS: dict[str, dict[str, Any]] = {
    "twilio": {"accountSid": "AC1", "from": "+15005550006", "authToken": SECRET, "previousAuthToken": OLD},
    "vapi": {"apiKey": "k", "webhookSecret": SECRET, "previousWebhookSecret": OLD},
    "instantly": {"apiKey": "k", "emailAccounts": ["a@x.org"], "webhookSecret": SECRET, "previousWebhookSecret": OLD},
    "keitaro": {"webhookSecret": SECRET, "previousWebhookSecret": OLD},
}
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CALLER = Client(raise_request_exception=False)

Call = Callable[[], Any]


# How they call ---------------------------------------------------------------------------------------------------


def twilio(
    path: str, said: Any, query: str = "", token: str = SECRET, base: str = PUBLIC, kind: str = FORM, slash: str = ""
) -> Call:
    """As Twilio's own libraries sign, written down a second time: from its sheet."""

    def call() -> Any:
        pairs = list(said.items()) if isinstance(said, dict) else said
        where, body, signed = f"/api/webhooks/twilio/{path}{slash}", urlencode(pairs), ""
        asked = query
        if kind == JSON:
            body = json.dumps(said)
            asked = f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
        else:
            for name in sorted({name for name, _value in pairs}):
                signed += "".join(f"{name}{value}" for value in sorted({v for n, v in pairs if n == name}))
        text = f"{base}{where}{asked}{signed}"
        signature = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
        headers = {"X-Twilio-Signature": signature} if token else {}
        return CALLER.generic("POST", where + asked, body.encode(), content_type=kind, headers=headers)

    return call


def sms(status: str, sid: str = "SM1", query: str = "", how: dict[str, Any] | None = None, **more: str) -> Call:
    said = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status, "AccountSid": "AC1"}
    said |= {"To": PHONE, "From": "+15005550006", "ApiVersion": "2010-04-01"} | more
    return twilio("status", said, query, **(how or {}))


def text(body: str, sid: str = "SM9", sender: str = PHONE, how: dict[str, Any] | None = None, **more: str) -> Call:
    said = {"MessageSid": sid, "AccountSid": "AC1", "From": sender, "To": "+15005550006", "Body": body, "NumMedia": "0"}
    return twilio("inbound", said | {"SmsStatus": "received", "FromCountry": "US"} | more, **(how or {}))


def posted(path: str, body: Any, headers: dict[str, str], kind: str = JSON) -> Call:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda: CALLER.generic("POST", f"/api/webhooks/{path}", raw, content_type=kind, headers=headers)


def voice(kind: str, secret: str = SECRET, path: str = "vapi", call: dict[str, Any] | None = None, **said: Any) -> Call:
    about = {"id": "CALL1", "type": "outboundPhoneCall"} if call is None else call
    return posted(path, {"message": {"type": kind, "call": about} | said}, {"X-Vapi-Secret": secret})


def ringing(status: str, **more: Any) -> Call:
    return voice("status-update", status=status, **more)


def ended(reason: str = "customer-ended-call", **more: Any) -> Call:
    said = {"startedAt": "2026-02-21T09:00:10.000Z", "endedAt": "2026-02-21T09:02:13.400Z", "cost": 0.1834}
    words = {"artifact": {"transcript": "AI: Hello"}, "analysis": {"summary": "Short"}}
    return voice("end-of-call-report", endedReason=reason, **said | words | more)


def mail(event: str, secret: str = SECRET, path: str = "instantly", **more: Any) -> Call:
    told = {"timestamp": "2026-03-11T15:00:00.000Z", "event_type": event, "workspace": "w", "campaign_id": REMOTE}
    told |= {"campaign_name": "RC", "lead_email": "Ada@Example.com", "step": 1, "variant": 1} | more
    return posted(path, told, {"X-Webhook-Secret": secret})


def tracker(secret: str = SECRET, method: str = "GET", path: str = "keitaro", kind: str = FORM, **said: Any) -> Call:
    """``{sms}`` and so on stand for our ids, as a macro that Keitaro filled in."""

    def call() -> Any:
        filled = {name: _filled(value) for name, value in said.items()}
        where = f"/api/webhooks/{path}"
        if method == "GET":
            return CALLER.get(f"{where}?{urlencode(filled | ({'secret': secret} if secret else {}))}")
        body = json.dumps(filled) if kind == JSON else urlencode(filled)
        return CALLER.generic("POST", where, body.encode(), content_type=kind, headers={"X-Webhook-Secret": secret})

    return call


def _filled(value: Any) -> Any:
    ids = {"@sms": "twilio", "@call": "vapi", "@email": "instantly"}
    if value in ids:
        return ContactAttempt.objects.get(provider=ids[value]).pk
    return Lead.objects.get(email=EMAIL).pk if value == "@lead" else value


# The world -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def world(settings: Any) -> None:
    settings.PUBLIC_URL = PUBLIC
    for provider, config in PROVIDERS.items():
        make_integration(provider, **config)
    lead = make_lead(email=EMAIL, phone=PHONE, external_id="crm-7", status="NEW")
    campaign = make_campaign(meta={"instantlyCampaignId": REMOTE}, status="PAUSED")
    channels = [("SMS", "twilio", "SM1", PHONE), ("CALL", "vapi", "CALL1", PHONE), ("EMAIL", "instantly", "L1", EMAIL)]
    sequence = make_sequence([{"channel": channel} for channel, *_ in channels] + [{}])
    run = make_enrollment(sequence, lead, current_step=3)
    for order, (channel, provider, ref, address) in enumerate(channels, start=1):
        attempt = make_attempt(
            lead, channel=channel, provider=provider, provider_ref=ref, address=address, campaign=campaign
        )
        make_execution(run, order, status="SENT", executed_at=clock.now(), contact_attempt=attempt)
    make_execution(run, 4, scheduled_at=clock.now())


def state() -> dict[str, Any]:
    """Everything that a call from outside can move, by short names."""
    lead = Lead.objects.get(email=EMAIL)
    told: dict[str, Any] = {"lead": lead.status, "optOut": sorted(lead.meta.get("optOut", {}))}
    run = SequenceEnrollment.objects.get()
    told["run"] = run.status
    for execution in run.executions.select_related("step"):
        told[f"step {execution.step.step_order}"] = execution.status
    for attempt in ContactAttempt.objects.filter(provider_ref__in=["SM1", "CALL1", "L1"]):
        name = {"twilio": "sms", "vapi": "call", "instantly": "email"}[attempt.provider]
        told[name] = attempt.status
        told[f"{name}.reason"] = attempt.reason
        told[f"{name}.cost"] = attempt.cost
        told[f"{name}.duration"] = attempt.duration
        told |= {f"{name}.{key}": value for key, value in attempt.result.items()}
    barred = Suppression.objects.standing().values_list("address", "channel")
    told["barred"] = sorted(f"{address} {channel}" for address, channel in barred)
    rows = Conversion.objects.order_by("created_at", "id")
    told["sales"] = [f"{row.status} {row.standing} {row.revenue:.2f}{'' if row.lead_id else ' nobody'}" for row in rows]
    told["inbox"] = [
        f"{event.kind} {event.status}" for event in InboundEvent.objects.order_by("received_at", "event_key")
    ]
    return told


# What must come of it --------------------------------------------------------------------------------------------

Row = tuple[str, list[Call], dict[str, Any]]
ENDED_RUN = {"run": "CANCELLED", "step 4": "SKIPPED"}
BARRED = [f"{PHONE} ALL", f"{EMAIL} ALL"]
GONE = ENDED_RUN | {"lead": "DO_NOT_CONTACT", "barred": BARRED}
BOUGHT = {"lead": "CONVERTED", "run": "CONVERTED", "step 4": "SKIPPED"}
REPORT = {"inbox": ["delivery APPLIED"]}
WHY = {"30005": "invalid_address", "30034": "misconfigured"}  # all other codes only say that it did not arrive


def sms_is(status: str, theirs: str, **more: Any) -> dict[str, Any]:
    """``more`` by the names of `state`, without the attempt's own."""
    moved = {} if status == "SENT" else {"sms": status, "step 1": "FAILED" if status == "FAILED" else "DELIVERED"}
    lead = {"lead": "CONTACTED"} if status in {"DELIVERED", "SUCCESS"} else {}
    why = {"sms.reason": "not_delivered"} if status == "FAILED" else {}
    return moved | lead | why | {"sms.status": theirs} | REPORT | more


def mail_is(status: str, event: str = "", **flags: Any) -> dict[str, Any]:
    moved = {} if status == "SENT" else {"email": status, "step 3": "FAILED" if status == "BOUNCED" else "DELIVERED"}
    lead = {"lead": "CONTACTED"} if status in {"DELIVERED", "SUCCESS"} else {}
    why = {"email.reason": "bounced"} if status == "BOUNCED" else {}
    return moved | lead | why | {f"email.{name}": value for name, value in flags.items()} | REPORT


def call_is(status: str, outcome: str, reason: str, **more: Any) -> dict[str, Any]:
    step = "FAILED" if status == "FAILED" else "DELIVERED"
    told: dict[str, Any] = {"call": status, "step 2": step, "call.call_status": "ended", "call.outcome": outcome}
    told |= {"call.endedReason": reason, "call.duration": 123, "call.cost": Decimal("0.1834")}
    told |= {"call.startedAt": "2026-02-21T09:00:10+00:00", "call.transcript": "AI: Hello", "call.summary": "Short"}
    lead = {"lead": "CONTACTED"} if status != "FAILED" else {}
    return told | lead | REPORT | more


def rows_of_sms() -> Iterator[Row]:
    for word in ("accepted", "scheduled", "queued", "sending", "sent"):
        yield f"sms {word}", [sms(word)], sms_is("SENT", word)
    for word in ("delivered", "read", "partially_delivered"):
        yield f"sms {word}", [sms(word)], sms_is("DELIVERED", word)
    for word in ("undelivered", "failed", "canceled"):
        yield f"sms {word}", [sms(word)], sms_is("FAILED", word)
    for code in ("30001", "30003", "30005", "30007", "30008", "30034", "30036", "99999"):
        told = {"sms.error_code": code, "sms.error": ANY} | ({"sms.reason": WHY[code]} if code in WHY else {})
        yield f"sms failed {code}", [sms("failed", ErrorCode=code)], sms_is("FAILED", "failed", **told)
    opted = (
        sms_is("FAILED", "failed")
        | {"sms.error_code": "21610", "sms.error": ANY, "sms.reason": "suppressed", "optOut": ["sms"]}
        | GONE
    )
    yield "sms 21610", [sms("failed", ErrorCode="21610")], opted | {"inbox": ["delivery APPLIED", "opt_out APPLIED"]}
    yield "sms segments", [sms("delivered", NumSegments="2")], sms_is("DELIVERED", "delivered", **{"sms.segments": 2})
    yield "sms unknown word", [sms("teleported")], sms_is("SENT", "teleported")
    yield "sms upper case", [sms("DELIVERED")], sms_is("DELIVERED", "delivered")
    yield "sms MessageStatus wins", [sms("delivered", SmsStatus="sent")], sms_is("DELIVERED", "delivered")
    only_old = {"MessageSid": "SM1", "SmsStatus": "delivered", "AccountSid": "AC1"}
    yield "sms SmsStatus alone", [twilio("status", only_old)], sms_is("DELIVERED", "delivered")
    yield (
        "sms unknown fields",
        [sms("delivered", RawDlrDoneDate="2602210900", New="x")],
        sms_is("DELIVERED", "delivered"),
    )
    yield "sms blank field", [sms("delivered", ErrorMessage=" ", X="")], sms_is("DELIVERED", "delivered")
    yield "sms twice", [sms("delivered"), sms("delivered")], sms_is("DELIVERED", "delivered")
    two = {"inbox": ["delivery APPLIED"] * 2}
    yield "sms late sent", [sms("delivered"), sms("sent")], sms_is("DELIVERED", "delivered") | two
    yield "sms in order", [sms("sent"), sms("delivered")], sms_is("DELIVERED", "delivered") | two
    won = sms_is("DELIVERED", "delivered") | {"sms.error_code": "30008", "sms.error": ANY} | two
    yield "sms failed, then arrived", [sms("failed", ErrorCode="30008"), sms("delivered")], won
    yield "sms arrived, then failed", [sms("delivered"), sms("failed", ErrorCode="30008")], won
    yield "sms of nobody", [sms("delivered", "SM404")], {"inbox": ["delivery WAITING"]}
    for how in ({"token": OLD}, {"base": f"{PUBLIC}:443"}, {"slash": "/"}):
        yield f"sms {how}", [sms("delivered", how=how)], sms_is("DELIVERED", "delivered")
    yield "sms as JSON", [sms("delivered", how={"kind": JSON})], sms_is("DELIVERED", "delivered")
    many = [("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("X", "b"), ("X", "a"), ("X", "b"), ("é", "ü ")]
    yield "sms repeated names", [twilio("status", many)], sms_is("DELIVERED", "delivered")


def rows_of_texts() -> Iterator[Row]:
    for word in ("STOP", "stop", " StopAll ", "UNSUBSCRIBE", "cancel", "End", "QUIT", "revoke", "OPTOUT"):
        yield f"text {word}", [text(word)], GONE | {"optOut": ["sms"], "inbox": ["message APPLIED"]}
    yield (
        "text OptOutType",
        [text("Bitte nicht", OptOutType="STOP")],
        GONE | {"optOut": ["sms"], "inbox": ["message APPLIED"]},
    )
    for word in ("START", "unstop"):
        back = ENDED_RUN | {"lead": "CONTACTED", "inbox": ["message APPLIED"] * 2}
        yield f"text STOP {word}", [text("STOP", "SM8"), text(word)], back
    yield "text START alone", [text("START")], {"inbox": ["message APPLIED"]}
    for word in ("HELP", "info"):
        yield f"text {word}", [text(word)], {"inbox": ["message APPLIED"]}
    for words in ("Yes", "STOP please", "Call me", "Да", "x" * 1600, ""):
        answered = {"sms": "SUCCESS", "sms.replied": True, "sms.reply_text": words, "sms.repliedAt": ANY}
        ran = {"run": "CANCELLED", "step 1": "DELIVERED", "step 4": "SKIPPED", "inbox": ["message APPLIED"]}
        yield f"text {words[:20]!r}", [text(words)], answered | ran
    alone = {"sms.auto_replied": True, "sms.auto_reply": "Out of office until Monday", "inbox": ["message APPLIED"]}
    yield "text automatic", [text("Out of office until Monday")], alone
    yield "text of nobody", [text("Hello", sender="+12125550999")], {"inbox": ["message UNMATCHED"]}
    strange = {"barred": ["+12125550999 ALL"], "inbox": ["message APPLIED"]}
    yield "text STOP of nobody", [text("STOP", sender="+12125550999")], strange
    yield "text twice", [text("STOP"), text("STOP")], GONE | {"optOut": ["sms"], "inbox": ["message APPLIED"]}


def rows_of_vapi() -> Iterator[Row]:
    for word in ("scheduled", "queued", "ringing", "in-progress", "forwarding", "ended", "deletion-failed"):
        yield f"call {word}", [ringing(word)], {"call.call_status": word} | REPORT
    gone = {"call": "FAILED", "step 2": "FAILED", "call.reason": "not_delivered", "call.call_status": "not-found"}
    yield "call not-found", [ringing("not-found")], gone | REPORT
    began = {"id": "CALL1", "startedAt": "2026-02-21T09:00:10.000Z"}
    told = {"call.call_status": "in-progress", "call.startedAt": "2026-02-21T09:00:10+00:00"}
    yield "call began", [ringing("in-progress", call=began)], told | REPORT
    for reason, outcome, status in (
        ("customer-ended-call", "answered", "SUCCESS"),
        ("assistant-ended-call", "answered", "SUCCESS"),
        ("exceeded-max-duration", "answered", "SUCCESS"),
        ("silence-timed-out", "silent", "DELIVERED"),
        ("voicemail", "voicemail", "DELIVERED"),
    ):
        yield f"call {reason}", [ended(reason)], call_is(status, outcome, reason)
    for reason, outcome, why in (
        ("customer-did-not-answer", "no_answer", "not_delivered"),
        ("customer-busy", "busy", "not_delivered"),
    ):
        yield f"call {reason}", [ended(reason)], call_is("FAILED", outcome, reason) | {"call.reason": why}
    dropped = call_is("DELIVERED", "dropped", "vonage-disconnected")
    yield "call dropped", [ended("vonage-disconnected")], dropped
    never = {"startedAt": None, "endedAt": "2026-02-21T09:02:13Z", "cost": 0, "artifact": {}, "analysis": {}}
    silent = {"call": "FAILED", "step 2": "FAILED", "call.call_status": "ended", "call.outcome": "busy"}
    silent |= {"call.endedReason": "customer-busy", "call.reason": "not_delivered", "call.duration": 0}
    yield "call never connected", [ended("customer-busy", **never)], silent | {"call.cost": Decimal(0)} | REPORT
    whole = call_is("SUCCESS", "answered", "customer-ended-call")
    yield (
        "call twice",
        [ended(), ended(artifact={"transcript": "AI: Hello", "recordingUrl": "https://x.org/?2"})],
        whole,
    )
    both = {"inbox": ["delivery APPLIED"] * 2}
    yield "call report first", [ended(), ringing("in-progress")], whole | both
    yield "call report last", [ringing("in-progress"), ended()], whole | both
    for number, rounded in ((12.5, 13), (12.4, 12), (0, 0)):
        yield f"call of {number} s", [ended(durationSeconds=number)], whole | {"call.duration": rounded}
    in_call = {"id": "CALL1", "cost": 0.25}
    yield "call cost in the call", [ended(cost=None, call=in_call)], whole | {"call.cost": Decimal("0.25")}
    apart = ended(cost=None, costBreakdown={"total": 0.5})
    yield "call cost in parts", [apart], whole | {"call.cost": Decimal("0.5")}
    yield "call cost of nonsense", [ended(cost=-1)], whole | {"call.cost": Decimal(0)}
    for name, artifact in (
        ("plain", {"recordingUrl": "https://r.org/1"}),
        ("mono", {"recording": {"mono": {"combinedUrl": "https://r.org/1"}}}),
        ("stereo", {"recording": {"stereoUrl": "https://r.org/1"}}),
        ("old stereo", {"stereoRecordingUrl": "https://r.org/1"}),
    ):
        heard = whole | {"call.recordingUrl": "https://r.org/1"}
        yield f"call recorded {name}", [ended(artifact=artifact | {"transcript": "AI: Hello"})], heard
    unsafe = {"recordingUrl": "javascript:alert(1)", "transcript": "AI: Hello"}
    yield "call recorded nowhere", [ended(artifact=unsafe)], whole
    top = {"artifact": {}, "analysis": {}, "transcript": "AI: Hello", "summary": "Short"}
    yield "call words on top", [ended(**top)], whole
    yield "call old secret", [ringing("ringing", secret=OLD)], {"call.call_status": "ringing"} | REPORT
    yield "call slash", [ringing("ringing", path="vapi/")], {"call.call_status": "ringing"} | REPORT
    for kind in ("transcript", "tool-calls", "hang", "assistant-request", "conversation-update", "made-up"):
        yield f"call {kind}", [voice(kind)], {"inbox": ["note APPLIED"]}
    yield "call of nobody", [ended(call={"id": "CALL404"})], {"inbox": ["delivery WAITING"]}


def rows_of_instantly() -> Iterator[Row]:
    sent = {"sent_at": "2026-03-11T15:00:00.000Z", "step": "1"}
    yield "mail email_sent", [mail("email_sent")], mail_is("SENT", **sent)
    yield "mail email_opened", [mail("email_opened")], mail_is("DELIVERED", opened=True)
    for word in ("link_clicked", "email_link_clicked"):
        yield f"mail {word}", [mail(word)], mail_is("SUCCESS", clicked=True, opened=True)
    yield "mail auto_reply", [mail("auto_reply_received")], mail_is("DELIVERED", auto_replied=True)
    yield "mail bounced", [mail("email_bounced")], mail_is("BOUNCED", bounced=True)
    ran = {"run": "CANCELLED", "step 4": "SKIPPED", "lead": "IN_PROGRESS", "inbox": ["reply APPLIED"]}
    for name in ("reply_text_snippet", "reply_text"):
        told = {"replied": True, "reply_text": "Call me", "repliedAt": ANY}
        yield f"mail {name}", [mail("reply_received", **{name: "Call me"})], mail_is("SUCCESS", **told) | ran
    off = mail_is("SENT", unsubscribed=True) | GONE | {"optOut": ["email"]}
    off |= {"inbox": ["delivery APPLIED", "address_opt_out APPLIED"]}
    yield "mail lead_unsubscribed", [mail("lead_unsubscribed")], off
    yield "mail unsubscribed twice", [mail("lead_unsubscribed")] * 2, off
    for word in ("lead_interested", "lead_meeting_booked", "lead_meeting_completed"):
        keen = mail_is("SENT", interest=word) | {"lead": "IN_PROGRESS", "inbox": ["interest APPLIED"]}
        yield f"mail {word}", [mail(word)], keen
    for word in (
        "lead_not_interested",
        "lead_wrong_person",
        "lead_out_of_office",
        "lead_neutral",
        "lead_no_show",
        "lead_closed",
        "Very Hot",
    ):
        yield f"mail {word}", [mail(word)], mail_is("SENT", interest=word) | {"inbox": ["interest APPLIED"]}
    for word in ("campaign_completed", "account_error", "supersearch_enrichment_completed"):
        yield f"mail {word}", [mail(word, lead_email=None)], {"inbox": ["campaign_event APPLIED"]}
    two = {"inbox": ["delivery APPLIED"] * 2}
    clicked = mail_is("SUCCESS", clicked=True, opened=True) | two
    yield "mail clicked, then opened", [mail("link_clicked"), mail("email_opened")], clicked
    yield "mail opened, then clicked", [mail("email_opened"), mail("link_clicked")], clicked
    met = mail_is("DELIVERED", bounced=True, opened=True) | two
    yield "mail bounced, then opened", [mail("email_bounced"), mail("email_opened")], met
    yield "mail opened, then bounced", [mail("email_opened"), mail("email_bounced")], met
    first = mail("email_sent", timestamp="2026-03-10T09:00:00Z", step=1)
    second = mail("email_sent", timestamp="2026-03-12T09:00:00Z", step=2)
    late = mail_is("SENT", sent_at="2026-03-12T09:00:00Z", step="2") | two
    yield "mail two steps", [first, second], late
    yield "mail two steps turned", [second, first], late
    yield "mail old secret", [mail("email_opened", secret=OLD)], mail_is("DELIVERED", opened=True)
    yield "mail slash", [mail("email_opened", path="instantly/")], mail_is("DELIVERED", opened=True)
    yield "mail of nobody", [mail("email_opened", lead_email="x@y.org")], {"inbox": ["delivery WAITING"]}
    stranger = {"barred": ["x@y.org ALL"], "inbox": ["delivery WAITING", "address_opt_out APPLIED"]}
    yield "mail nobody unsubscribes", [mail("lead_unsubscribed", lead_email="X@y.org")], stranger


def rows_of_keitaro() -> Iterator[Row]:
    def row(name: str, calls: list[Call], sales: list[str], *, is_bought: bool = False, **more: Any) -> Row:
        inbox = {"inbox": ["conversion APPLIED"] * len(calls)}
        return f"sale {name}", calls, ({"sales": sales} if sales else {}) | (BOUGHT if is_bought else {}) | inbox | more

    def told(status: str, payout: str = "10", **more: Any) -> Call:
        return tracker(subid="c1", tid="t1", status=status, payout=payout, sub_id_1="@sms", **more)

    for word in ("lead", "hold", "registration", "reg", "trial", "signup", "pending", "odd"):
        yield row(word, [told(word)], [f"{word} pending 10.00"])
    for word in ("sale", "deposit", "dep", "ftd", "rebill", "upsell", "approved", "confirmed", "SALE "):
        yield row(word, [told(word)], [f"{word.strip().lower()} confirmed 10.00"], is_bought=True)
    for word in ("rejected", "reject", "trash", "cancelled", "canceled", "declined", "refund", "chargeback"):
        yield row(word, [told(word)], [f"{word} rejected 0.00"])
    yield row("no status", [told("")], ["lead pending 10.00"])
    yield row("macro", [told("{status}")], ["lead pending 10.00"])
    yield row("upgrade", [told("lead"), told("sale", "25")], ["sale confirmed 25.00"], is_bought=True)
    yield row("rejected lead", [told("lead"), told("rejected")], ["rejected rejected 0.00"])
    back = BOUGHT | {"lead": "IN_PROGRESS"}
    yield row("taken back", [told("sale"), told("rejected")], ["rejected rejected 0.00"], **back)
    yield row("late lead", [told("sale"), told("lead", "3")], ["sale confirmed 10.00"], is_bought=True)
    yield row("late sale", [told("rejected"), told("sale")], ["rejected rejected 0.00"])
    yield row("other money", [told("sale"), told("sale", "30")], ["sale confirmed 30.00"], is_bought=True)
    yield row("rebill of a sale", [told("sale"), told("rebill", "12")], ["rebill confirmed 12.00"], is_bought=True)
    once = {"inbox": ["conversion APPLIED"]}
    yield row("twice", [told("sale"), told("sale")], ["sale confirmed 10.00"], is_bought=True, **once)
    further = tracker(subid="c1", tid="t2", status="sale", payout="5")
    yield row("new tid", [told("sale"), further], ["sale confirmed 10.00", "sale confirmed 5.00"], is_bought=True)
    for text_, amount in (
        ("12,5", "12.50"),
        ("1.234,5", "0.00"),
        ("-3", "0.00"),
        ("nan", "0.00"),
        ("1e9", "0.00"),
        ("{revenue}", "0.00"),
        ("", "0.00"),
        (" 7 ", "7.00"),
    ):
        yield row(f"payout {text_!r}", [told("sale", text_)], [f"sale confirmed {amount}"], is_bought=True)
    for method, kind in (("POST", FORM), ("POST", JSON)):
        sent = tracker(method=method, kind=kind, subid="c1", status="sale", revenue="10", external_id="crm-7")
        yield row(f"{method} {kind}", [sent], ["sale confirmed 10.00"], is_bought=True)
    for given in (
        {"sub_id": "c1", "external_id": "@lead"},
        {"clickid": "k", "sub_id_9": "@call"},
        {"click_id": "@email"},
        {"subid": "@sms"},
        {"subid": "crm-7"},
    ):
        sent = tracker(status="sale", payout="1", **given)
        yield row(f"by {given}", [sent], ["sale confirmed 1.00"], is_bought=True)
    yield row("old secret", [told("sale", secret=OLD)], ["sale confirmed 10.00"], is_bought=True)
    yield row("slash", [told("sale", path="keitaro/")], ["sale confirmed 10.00"], is_bought=True)
    lost = {"inbox": ["conversion UNMATCHED"]}
    yield row("of nobody", [tracker(subid="c9", status="sale", payout="4")], ["sale confirmed 4.00 nobody"], **lost)
    dnc = {"optOut": ["sms"], "inbox": ["message APPLIED", "conversion APPLIED"]} | GONE
    yield row("after STOP", [text("STOP"), told("sale")], ["sale confirmed 10.00"], **dnc)


REFUSED: list[tuple[str, Call, int]] = [
    ("sms unsigned", sms("delivered", how={"token": ""}), 403),
    ("sms forged", sms("delivered", how={"token": WRONG}), 403),
    ("sms signed for another host", sms("delivered", how={"base": "https://other.example.com"}), 403),
    ("sms no sid", twilio("status", {"MessageStatus": "sent"}), 400),
    ("text forged", text("STOP", how={"token": WRONG}), 403),
    ("text no From", twilio("inbound", {"MessageSid": "SM1", "Body": "STOP"}), 400),
    ("call forged", ended(secret=WRONG), 401),
    ("call no type", posted("vapi", {"message": {}}, {"X-Vapi-Secret": SECRET}), 400),
    ("call no JSON", posted("vapi", b"{", {"X-Vapi-Secret": SECRET}), 400),
    ("mail forged", mail("email_bounced", secret=WRONG), 401),
    ("mail no event", mail(""), 400),
    ("mail no JSON", posted("instantly", b"\xff", {"X-Webhook-Secret": SECRET}), 400),
    ("sale forged", tracker(secret=WRONG, subid="c1", status="sale"), 401),
    ("sale no secret", tracker(secret="", subid="c1", status="sale"), 401),
    ("sale no id", tracker(status="sale", payout="3"), 400),
    ("sale long id", tracker(subid="x" * 256, status="sale"), 400),
]
ROWS = [*rows_of_sms(), *rows_of_texts(), *rows_of_vapi(), *rows_of_instantly(), *rows_of_keitaro()]


@pytest.mark.parametrize(("calls", "changes"), [pytest.param(calls, to, id=name) for name, calls, to in ROWS])
def test_what_a_provider_tells_has_its_effects_and_no_other(calls: list[Call], changes: dict[str, Any]) -> None:
    before = state()
    answers = [call().status_code for call in calls]
    assert set(answers) <= {200, 204}
    after = state()
    moved = {name: value for name, value in after.items() if before.get(name) != value}
    assert moved == changes
    for call in calls:
        call()
    assert state() == after or len(calls) > 1  # the same once more changes nothing


@pytest.mark.parametrize(("call", "status"), [pytest.param(call, status, id=name) for name, call, status in REFUSED])
def test_what_is_refused_changes_nothing(call: Call, status: int) -> None:
    before = state()
    assert call().status_code == status
    assert state() == before
