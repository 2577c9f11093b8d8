"""Calls by VAPI. It takes no idempotency key, so a call whose answer was lost is looked up, never placed again blindly.

The attempt's id is the call's name, and stands with our key in its metadata: a look-up goes by both.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from django.conf import settings

from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt, Report
from integrations.providers.http import Answer, Caller
from integrations.providers.vapi_calls import BACKOFF, WHO, body_of, ended, planted_in, text_of, under_way
from retention_center.lib.channels import Channel

BAD_ADDRESS, MISCONFIGURED = "invalid_address", "misconfigured"  # codes of campaigns' reasons
WEBHOOK_PATH = "/api/webhooks/vapi"
REPORT_SECONDS = 20
NO_LINE = 30.0  # seconds to wait for a free line when VAPI names none
LISTED, MOST_PAGES = 50, 20
SKEW = timedelta(minutes=1)
NUMBERS = re.compile(r"\+?[0-9][0-9 ().-]{5,}[0-9]")


class Vapi(Provider):
    name = "vapi"
    channels = (Channel.CALL,)
    is_searchable = True
    can_be_asked = True
    ask_after = timedelta(hours=1)
    default_rate: ClassVar[float | None] = 1
    parallel = 2

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        bearer = f"Bearer {config.get('apiKey', '')}"
        self._caller = Caller(headers={"Authorization": bearer.encode().decode("latin-1")})  # as UTF-8 on the wire

    def send(self, message: Message) -> Receipt:
        body = body_of(message, self.config, server_of(self.config))
        answer = self._caller.call("POST", _url("call"), json=body)
        if not answer.is_ok:
            raise _refusal(answer, says_who=any(message.options.get(name) for name in (*WHO, "phoneNumberId")))
        if not _id_of(answer.body):
            raise OutcomeUnknown("VAPI took it, as it seems, but its answer cannot be read.")
        return _receipt(answer.body)

    def find(self, message: Message) -> Receipt | None:
        for call in self._made_around(message):
            attempt_id, key = planted_in(call)
            if key == message.key or (not key and attempt_id == message.attempt_id):
                return _receipt(call)
        return None

    def look(self, reference: str) -> Report | None:
        """What became of a call, with all it says of itself once it has ended; None when VAPI does not know it."""
        answer = self._caller.call("GET", _url(f"call/{quote(reference, safe='')}"))
        if answer.status == 404:
            return None
        if not answer.is_ok:
            raise _refusal(answer, says_who=False)
        if not _id_of(answer.body):
            raise OutcomeUnknown(f"VAPI answered {answer.status}.")
        call, status = answer.body, text_of(answer.body.get("status"), 40)
        return Report("delivery", ended(call, call) if status == "ended" else under_way(status, call))

    def check(self) -> str:
        try:
            answer = self._caller.call("GET", _url("call"), params={"limit": 1})
        except OutcomeUnknown as silence:
            raise NotSent(str(silence)) from silence
        if not answer.is_ok:
            raise NotSent(sentence_of(answer))
        missing = [name for name in ("assistantId", "phoneNumberId") if not self.config.get(name)]
        if missing:
            raise NotSent(f"VAPI takes the key, but {' and '.join(missing)} must be filled in before it can call")
        return "VAPI takes the key."

    def close(self) -> None:
        self._caller.close()

    def _made_around(self, message: Message) -> Iterator[Mapping[str, Any]]:
        """The calls made while ours was under way, newest first; OutcomeUnknown when not all of them can be seen."""
        query: dict[str, Any] = {"limit": LISTED}
        if message.called_at:
            query["createdAtGe"] = (message.called_at - SKEW).isoformat()
            query["createdAtLe"] = (message.called_at + timedelta(seconds=settings.CALL_SECONDS) + SKEW).isoformat()
        seen: set[str] = set()
        for _page in range(MOST_PAGES):
            answer = self._caller.call("GET", _url("call"), params=query)
            listed = answer.body.get("items")
            if not answer.is_ok or not isinstance(listed, list):
                raise OutcomeUnknown(f"VAPI answered {answer.status} to the look-up.")
            fresh = [call for call in listed if isinstance(call, dict) and _id_of(call) not in seen]
            yield from fresh
            if len(listed) < LISTED:
                return
            seen |= {_id_of(call) for call in fresh}
            if not fresh or not isinstance(fresh[-1].get("createdAt"), str):
                break
            query["createdAtLe"] = min(str(call.get("createdAt") or "9") for call in fresh)
        raise OutcomeUnknown("More calls were made at that time than a look-up shows.")


def server_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Where and how VAPI reports on a call; empty when it could not prove that it is VAPI.

    By a credential kept at VAPI if one is named; a secret or a bearer token can also be sent along as a header. An
    HMAC cannot: without its credential the assistant's own server is left as it is.
    """
    secret, how = config.get("webhookSecret"), config.get("webhookAuth") or "secret"
    if not secret:
        return {}
    if credential := config.get("webhookCredentialId"):
        proof: dict[str, Any] = {"credentialId": credential}
    elif how == "hmac":
        return {}
    else:
        proof = {"headers": {"Authorization": f"Bearer {secret}"} if how == "bearer" else {"X-Vapi-Secret": secret}}
    url = f"{settings.PUBLIC_URL}{WEBHOOK_PATH}"
    return {"url": url, "timeoutSeconds": REPORT_SECONDS, "backoffPlan": BACKOFF, **proof}


def sentence_of(answer: Answer) -> str:
    """VAPI's answer with its own words, of which numbers are taken out."""
    said = _said(answer)
    return f"{answer.status}: {NUMBERS.sub('…', said)[:200]}" if said else f"VAPI answered {answer.status}"


def _refusal(answer: Answer, *, says_who: bool) -> Exception:
    """What a refused request means. ``says_who``: the script chose the assistant or number, so a missing one is its
    own mistake, not everybody's."""
    words, said = sentence_of(answer), _said(answer).casefold()
    if answer.status >= 500 or answer.status == 408:
        return OutcomeUnknown(words)
    if answer.status == 429 or "concurrency" in said:
        return NotSent(words, retry_after=answer.retry_after if "retry-after" in answer.headers else NO_LINE)
    if answer.status in {401, 402, 403} or (answer.status == 404 and not says_who) or answer.status < 400:
        return NotSent(words, account_wide=True)
    is_number = "e.164" in said or "valid phone number" in said
    return NotSent(words, permanent=True, reason=BAD_ADDRESS if is_number else MISCONFIGURED)


def _said(answer: Answer) -> str:
    """Its message, which is a text or a list of them."""
    message = answer.body.get("message")
    each = message if isinstance(message, list) else [message]
    return "; ".join(text_of(one, 300) for one in each if isinstance(one, str))


def _receipt(call: Mapping[str, Any]) -> Receipt:
    """A call that was placed. Without a free line it waits at VAPI, and so does everybody after it."""
    status = text_of(call.get("status"), 40)
    limits = call.get("subscriptionLimits")
    is_blocked = isinstance(limits, Mapping) and limits.get("concurrencyBlocked") is True
    if status != "ended":
        return Receipt(_id_of(call), {"call_status": status or "queued"}, pause=NO_LINE if is_blocked else None)
    facts = ended(call, call)
    cost = Decimal(facts["cost"]) if "cost" in facts else None
    return Receipt(
        _id_of(call), {"call_status": "queued"}, cost, facts.get("currency", ""), (Report("delivery", facts),)
    )


def _id_of(call: Mapping[str, Any]) -> str:
    return text_of(call.get("id"), 100)


def _url(path: str) -> str:
    return f"{str(settings.VAPI_API_URL).rstrip('/')}/{path}"
