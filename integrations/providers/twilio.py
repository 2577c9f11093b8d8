"""SMS by Twilio. It takes no idempotency key, so a message whose answer was lost is looked up, never repeated blindly.

Our key and the attempt's id travel in the address of the status callback. Twilio keeps that address to itself, so a
look-up goes by what it does show: the number, the text, and when it was made.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from django.conf import settings

from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt, Report
from integrations.providers.http import Answer, Caller
from retention_center.lib.channels import Channel

LONGEST = 1600  # characters
BAD_ADDRESS, OPTED_OUT, MISCONFIGURED = "invalid_address", "suppressed", "misconfigured"  # codes of campaigns' reasons
STATUS_PATH = "/api/webhooks/twilio/status"
LISTED = 100
QUEUE_FULL = 60.0  # seconds to wait at least when Twilio's own queue is full
SKEW = timedelta(minutes=2)
NOBODY = "SM" + "0" * 32

STATUSES = {  # Twilio's word: ours (mapping of the provider's sheet)
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), "SENT"),
    **dict.fromkeys(("delivered", "read", "partially_delivered"), "DELIVERED"),
    **dict.fromkeys(("undelivered", "failed", "canceled"), "FAILED"),
}


class Twilio(Provider):
    name = "twilio"
    channels = (Channel.SMS,)
    is_searchable = True
    can_be_asked = True
    default_rate: ClassVar[float | None] = 10
    parallel = 4

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._caller = Caller(auth=(config.get("accountSid", ""), config.get("authToken", "")))

    def send(self, message: Message) -> Receipt:
        if not message.text.strip() or len(message.text) > LONGEST:
            raise NotSent(f"An SMS has 1 to {LONGEST} characters; this one has {len(message.text)}.", permanent=True)
        answer = self._caller.call("POST", self._url("Messages.json"), data=self._fields(message))
        if not answer.is_ok:
            raise _refusal(answer)
        if not answer.body.get("sid"):
            raise OutcomeUnknown("Twilio took it, as it seems, but its answer cannot be read.")
        return _receipt(answer.body)

    def find(self, message: Message) -> Receipt | None:
        query: dict[str, Any] = {"To": message.to, "PageSize": LISTED}
        if message.called_at:
            query["DateSent>"] = (message.called_at - timedelta(days=1)).strftime("%Y-%m-%d")
        answer = self._caller.call("GET", self._url("Messages.json"), params=query)
        listed = answer.body.get("messages")
        if not answer.is_ok or not isinstance(listed, list):
            raise OutcomeUnknown(f"Twilio answered {answer.status} to the look-up.")
        ours = [each for each in listed if isinstance(each, dict) and _is_it(each, message)]
        if len(ours) > 1:
            raise OutcomeUnknown("Several messages of that minute look the same.")
        if not ours and answer.body.get("next_page_uri"):
            raise OutcomeUnknown("More messages went to this number than a look-up shows.")
        return _receipt(ours[0]) if ours else None

    def look(self, reference: str) -> Report | None:
        """What became of a message since, with its price; None when Twilio does not know it any more."""
        answer = self._caller.call("GET", self._url(f"Messages/{quote(reference, safe='')}.json"))
        if answer.status == 404:
            return None
        if not answer.is_ok:
            raise _refusal(answer)
        facts = facts_of(str(answer.body.get("status") or ""), str(answer.body.get("error_code") or ""))
        cost, currency = cost_of(answer.body)
        return Report("delivery", facts | ({"cost": str(cost), "currency": currency} if cost is not None else {}))

    def check(self) -> str:
        try:
            account = self._caller.call("GET", f"{_base()}/2010-04-01/Accounts/{self._account}.json")
            answer = (
                account if account.status != 404 else self._caller.call("GET", self._url(f"Messages/{NOBODY}.json"))
            )
        except OutcomeUnknown as silence:
            raise NotSent(str(silence)) from silence
        if not answer.is_ok and answer.status != 404:
            raise NotSent(_sentence(answer))
        status = account.body.get("status")
        if status and status != "active":
            raise NotSent(f"the account is {status}")
        return f"Twilio knows the account{' ' + str(account.body['friendly_name']) if status else ''}."

    def close(self) -> None:
        self._caller.close()

    @property
    def _account(self) -> str:
        return str(self.config.get("accountSid", ""))

    def _url(self, path: str) -> str:
        return f"{_base()}/2010-04-01/Accounts/{self._account}/{path}"

    def _fields(self, message: Message) -> dict[str, str]:
        service = self.config.get("messagingServiceSid")
        sender = {"MessagingServiceSid": service} if service else {"From": self.config.get("from", "")}
        fields = {"To": message.to, "Body": message.text} | sender
        if message.attempt_id:  # a test has none, and nobody waits for its report
            asked = urlencode({"attempt": message.attempt_id, "key": message.key})
            fields["StatusCallback"] = f"{settings.PUBLIC_URL}{STATUS_PATH}?{asked}"
        return fields


def facts_of(status: str, error_code: str) -> dict[str, Any]:
    """A status of Twilio's as the inbox takes it; an unknown one changes nothing and is kept."""
    facts: dict[str, Any] = {"status": STATUSES.get(status, "SENT"), "result": {"status": status}}
    if error_code and error_code != "0":
        facts["result"] |= {"error_code": error_code, "error": meaning_of(error_code)}
        action = action_for(error_code)
        if facts["status"] == "FAILED" and (reason := _MEANING.get(action, {}).get("reason")):
            facts["reason"] = reason
        if action == "account":
            facts["hitsEverybody"] = meaning_of(error_code)
    return facts


def cost_of(body: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """What the message cost, positive, and the currency; Twilio writes prices as negative text, later than all else."""
    text = str(body.get("price") or "").strip().removeprefix("-")
    try:
        cost = Decimal(text) if text else None
    except InvalidOperation:
        return None, ""
    return (
        (cost, str(body.get("price_unit") or "").upper()[:3]) if cost is not None and cost.is_finite() else (None, "")
    )


def action_for(code: str) -> str:
    """What we do about an error code; blank for one we do not know."""
    return _codes().get(code, ("", ""))[0]


def meaning_of(code: str) -> str:
    return _codes().get(code, ("", f"Twilio's error {code}"))[1]


@cache
def _codes() -> dict[str, tuple[str, str]]:
    path = Path(__file__).parent / "data" / "twilio_error_codes.json"
    return {code: (action, meaning) for code, (action, meaning) in json.loads(path.read_text())["codes"].items()}


def _refusal(answer: Answer) -> Exception:
    """What a refused request means: its HTTP status decides first, the code refines."""
    said, action = _sentence(answer), action_for(_code(answer))
    if answer.status >= 500 or answer.status == 408 or action == "unknown_outcome":
        return OutcomeUnknown(said)
    if answer.status == 429:
        return NotSent(said, retry_after=answer.retry_after)
    if action == "retry":
        return NotSent(said, retry_after=max(answer.retry_after, QUEUE_FULL))
    if not action and answer.status in {401, 403}:
        return NotSent(said, account_wide=True)
    return NotSent(said, **_MEANING.get(action, {"permanent": True}))


_MEANING: dict[str, dict[str, Any]] = {  # action of the codes' file: what it says of the message; else it is useless
    "retry_later": {},
    "permanent_number": {"reason": BAD_ADDRESS, "permanent": True},
    "opt_out": {
        "reason": OPTED_OUT,
        "permanent": True,
        "reports": (Report("opt_out", {"channel": str(Channel.SMS), "source": "twilio 21610"}),),
    },
    "config": {"account_wide": True, "reason": MISCONFIGURED},
    "config_here": {"permanent": True, "reason": MISCONFIGURED},
    "account": {"account_wide": True, "reason": MISCONFIGURED},
}


def _code(answer: Answer) -> str:
    """The error's number, in either form of Twilio's errors."""
    return str(answer.body.get("code") or "")


def _sentence(answer: Answer) -> str:
    """Twilio's answer without its own text, which repeats the number that was written to."""
    code = _code(answer)
    return f"{answer.status} / {code}: {meaning_of(code)}" if code else f"Twilio answered {answer.status}"


def _receipt(body: Mapping[str, Any]) -> Receipt:
    result: dict[str, Any] = {"status": str(body.get("status") or "")}
    segments = str(body.get("num_segments") or "0")
    if segments.isdigit() and int(segments):
        result["segments"] = int(segments)
    cost, currency = cost_of(body)
    return Receipt(reference=str(body["sid"]), result=result, cost=cost, currency=currency)


def _is_it(listed: Mapping[str, Any], message: Message) -> bool:
    """The same text to the same number, made while our call was under way. A trial account puts words before it."""
    if not listed.get("sid") or not str(listed.get("body") or "").strip().endswith(message.text.strip()):
        return False
    made = _moment(str(listed.get("date_created") or ""))
    if message.called_at is None or made is None:
        return True
    latest = message.called_at + timedelta(seconds=settings.CALL_SECONDS) + SKEW
    return message.called_at - SKEW <= made <= latest


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _base() -> str:
    return str(settings.TWILIO_API_URL).rstrip("/")
