"""E-mail by Instantly. It has no call that sends one message: a lead is added to a campaign, and Instantly sends that
in hours of its own. So each script has a campaign there, of one step, which says what the lead brings along: our text.

Which campaign that is comes with the message (``options``); campaigns/ made it before and keeps its id. A lead that is
in a campaign already is not written to again: the same script cannot go to the same lead twice.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt, Report
from integrations.providers.instantly_api import InstantlyApi, NotThere
from retention_center.lib.channels import Channel

CAMPAIGN = "instantlyCampaignId"  # in a message's options
OURS = "rc_attempt_id"
OPTED_OUT, TWICE, NOT_ADDED = "suppressed", "same_script", "not_added"  # codes of campaigns' reasons
COUNTERS = ("in_blocklist", "duplicated_leads", "skipped_count", "invalid_email_count", "incomplete_count")
STEP = {"type": "email", "delay": 0, "variants": [{"subject": "{{rc_subject}}", "body": "{{rc_body}}"}]}
BOUNCED, UNSUBSCRIBED = -1, -2  # a lead's status
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.IGNORECASE | re.DOTALL)


class Instantly(Provider):
    name = "instantly"
    channels = (Channel.EMAIL,)
    is_searchable = True
    can_be_asked = True
    default_rate: ClassVar[float | None] = 50
    parallel = 4

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.api = InstantlyApi(config)

    def send(self, message: Message) -> Receipt:
        campaign_id = str(message.options.get(CAMPAIGN) or "")
        if not campaign_id:
            raise NotSent("The script has no campaign at Instantly yet")
        lead = lead_of(message.to, message.attempt_id, variables_of(message.subject, message.html or message.text))
        answer = self.api.add_leads(campaign_id, [lead])
        for created in answer["created_leads"]:
            if isinstance(created, dict) and created.get("id"):
                return Receipt(str(created["id"]), {"instantlyCampaignId": campaign_id})
        if found := self._added_before(message):
            return found
        raise _not_added(answer)

    def find(self, message: Message) -> Receipt | None:
        campaign_id = str(message.options.get(CAMPAIGN) or "")
        for lead in self.api.leads_with([message.to], campaign_id):
            if attempt_of(lead) == message.attempt_id and lead.get("id"):
                return Receipt(str(lead["id"]), {"instantlyCampaignId": str(lead.get("campaign") or campaign_id)})
        return None

    def _added_before(self, message: Message) -> Receipt | None:
        """By an earlier call of this intent whose answer was lost; OutcomeUnknown unless that can be ruled out."""
        try:
            return self.find(message)
        except NotSent as refusal:
            if refusal.permanent:  # it knows no such address, or no such campaign
                return None
            raise OutcomeUnknown(f"It named nobody whom it added, and the look-up failed: {refusal}") from refusal

    def look(self, reference: str) -> Report | None:
        try:
            return report_of(self.api.lead(reference))
        except NotThere:
            return None

    def check(self) -> str:
        try:
            self.api.try_key()
        except OutcomeUnknown as silence:
            raise NotSent(str(silence)) from silence
        mailboxes = len(self.config.get("emailAccounts") or [])
        if not mailboxes:
            raise NotSent("Instantly knows the key, but no mailbox is named to send from")
        return f"Instantly knows the key; {mailboxes} mailbox{'es send' if mailboxes > 1 else ' sends'}."

    def close(self) -> None:
        self.api.close()


def lead_of(address: str, attempt_id: str, variables: Mapping[str, str], **named: str) -> dict[str, Any]:
    """A lead as Instantly takes it; ``named`` are its own fields. Its skip flags are left alone: they look at every
    campaign, and would silently leave out whoever had another one."""
    own = {name: value for name, value in named.items() if value}
    return {"email": address, **own, "custom_variables": {OURS: attempt_id, **variables}}


def variables_of(subject: str, body: str, suffix: str = "") -> dict[str, str]:
    """Our rendered text as what the campaign's step says; braces in it are not to be read as a placeholder there."""
    inner = found[1].strip() if (found := _BODY.search(body)) else body
    return {
        f"rc_subject{suffix}": subject.replace("{{", "{ {"),
        f"rc_body{suffix}": inner.replace("{{", "&#123;&#123;"),
    }


def attempt_of(lead: Mapping[str, Any]) -> str:
    """The attempt that a lead at Instantly was added for; blank if it is not one of ours."""
    payload = lead.get("payload")
    return str(payload.get(OURS) or "") if isinstance(payload, dict) else ""


def report_of(lead: Mapping[str, Any]) -> Report:
    """What Instantly knows of a lead by now, as the inbox takes it."""
    result: dict[str, Any] = {}
    status = "SENT"
    if _count(lead, "email_open_count"):
        status, result["opened"] = "DELIVERED", True
    if _count(lead, "email_click_count"):
        status, result["clicked"] = "SUCCESS", True
    if _count(lead, "email_reply_count"):
        status, result["replied"] = "SUCCESS", True
    if lead.get("status") == BOUNCED:
        status, result["bounced"] = ("BOUNCED" if status == "SENT" else status), True
    more: tuple[Report, ...] = ()
    if lead.get("status") == UNSUBSCRIBED:
        result["unsubscribed"] = True
        more = (Report("opt_out", {"channel": str(Channel.EMAIL), "source": "instantly"}),)
    return Report("delivery", {"status": status, "result": result}, more)


def _not_added(answer: Mapping[str, Any]) -> NotSent:
    counted = {name: answer[name] for name in COUNTERS if isinstance(answer.get(name), int) and answer[name] > 0}
    told = ", ".join(f"{name} {count}" for name, count in counted.items()) or "no reason given"
    if "in_blocklist" in counted:
        gone = Report("opt_out", {"channel": str(Channel.EMAIL), "source": "instantly block list"})
        return NotSent("The address is on Instantly's block list", reason=OPTED_OUT, permanent=True, reports=(gone,))
    if "invalid_email_count" in counted:
        return NotSent(f"Instantly did not add it: {told}", reason="invalid_address", permanent=True)
    if "duplicated_leads" in counted:
        return NotSent(f"Instantly did not add it: {told}", reason=TWICE, permanent=True)
    return NotSent(f"Instantly did not add it: {told}", reason=NOT_ADDED, permanent=True)


def _count(lead: Mapping[str, Any], name: str) -> int:
    value = lead.get(name)
    return value if isinstance(value, int) and value > 0 else 0
