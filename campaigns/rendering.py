"""From a script and a lead to the message as it goes out.

``problems`` says at save what is wrong with a text; ``render`` fills it in for one lead, and would rather raise
than send a blank or a broken body. `campaigns/templating.py` holds Liquid's fences.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from campaigns.alternatives import html_from, html_with_footer, text_footer, text_from
from campaigns.models import Campaign, Script
from campaigns.sms import SmsSize, sms_size
from campaigns.templating import (
    NAMES,
    OUTPUT_BYTES,
    BadTemplate,
    EmptyPlaceholder,
    compiled,
    unknown_names,
)
from leads.models import Lead
from retention_center.lib.channels import Channel

__all__ = [
    "BadTemplate",
    "EmptyPlaceholder",
    "Rendered",
    "SmsSize",
    "context_for",
    "placeholders",
    "problems",
    "render",
    "sms_size",
]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message for one lead. ``text`` holds the SMS, what a call says, a webhook's JSON, or an e-mail's plain part."""

    subject: str = ""
    text: str = ""
    html: str = ""


def context_for(
    lead: Lead,
    *,
    campaign: Campaign | None = None,
    sequence_name: str = "",
    unsubscribe_url: str = "",
    tracking_url: str = "",
) -> dict[str, Any]:
    """What a script may say about a lead: plain values only, under the names staff write.

    A blank is None, so that ``{% if lastName %}`` is false for it (in Liquid an empty text is true).
    """
    return {
        "firstName": lead.first_name or None,
        "lastName": lead.last_name or None,
        "email": lead.email or None,
        "phone": lead.phone or None,
        "externalId": lead.external_id or None,
        "source": lead.source or None,
        "status": str(lead.status),
        "meta": {name: None if value == "" else value for name, value in lead.meta.items()},
        "campaign": {"name": campaign.name if campaign else None},
        "sequence": {"name": sequence_name or None},
        "unsubscribeUrl": unsubscribe_url or None,
        "trackingUrl": tracking_url or None,
    }


def render(script: Script, context: Mapping[str, Any]) -> Rendered:
    """The script filled in for one lead; raises EmptyPlaceholder or BadTemplate."""
    match script.type:
        case Channel.EMAIL:
            return _email(script, context)
        case Channel.WEBHOOK:
            return Rendered(text=_json(script.content, context))
    return Rendered(text=compiled(script.content).render(context).strip())


def placeholders(source: str) -> set[str]:
    """The names a text uses, such as firstName and meta.city; none where it does not parse."""
    try:
        return set(compiled(source).names)
    except BadTemplate:
        return set()


def problems(source: str, *, channel: str = "", content_type: str = "text") -> list[str]:
    """What is wrong with a text, one sentence each: it does not parse, asks for a name no lead has, or runs away.

    ``channel`` and ``content_type`` say how it will be rendered; without them it is taken for plain text.
    """
    if len(source.encode()) > OUTPUT_BYTES:
        return [f"It is longer than {OUTPUT_BYTES // 1000:,} kB."]
    flavour = "json" if channel == Channel.WEBHOOK else "html" if content_type == "html" else "text"
    try:
        template = compiled(source, flavour)
        found = unknown_names(template.names)
        if not found:
            _try_out(source, flavour)
    except BadTemplate as bad:
        return [bad.detail]
    return found


def _email(script: Script, context: Mapping[str, Any]) -> Rendered:
    subject = compiled(script.subject).render(context) if script.subject else script.name
    subject = " ".join(subject.split())  # a line break in a header would start another header
    is_html = script.content_type == Script.ContentType.HTML
    template = compiled(script.content, "html" if is_html else "text")
    body = template.render(context)
    link = "" if "unsubscribeUrl" in template.names else context["unsubscribeUrl"] or ""
    postal = settings.POSTAL_ADDRESS
    if postal in body:
        postal = ""
    if is_html:
        return Rendered(
            subject=subject,
            text=text_from(body).rstrip() + (text_footer(link, postal) or "\n"),
            html=html_with_footer(body, link, postal),
        )
    return Rendered(
        subject=subject,
        text=body.rstrip() + (text_footer(link, postal) or "\n"),
        html=html_from(body.rstrip(), link, postal),
    )


def _json(source: str, context: Mapping[str, Any]) -> str:
    text = compiled(source, "json").render(context)
    try:
        json.loads(text)
    except ValueError as error:
        raise BadTemplate(f"With this lead's values it is no JSON: {error}.") from error
    return text


class _Anything(str):
    """Stands for any value of any lead when a text is tried out: a word that has every key."""

    def __getitem__(self, key: object) -> "_Anything":
        return _Anything("sample")


_SAMPLE: dict[str, Any] = dict.fromkeys(NAMES, "sample") | {
    "meta": _Anything("sample"),
    "campaign": {"name": "sample"},
    "sequence": {"name": "sample"},
}


def _try_out(source: str, flavour: str) -> None:
    """Render the text once with every name filled; raises BadTemplate for what would fail for every lead."""
    if re.search(r"\bmeta\b", source) and flavour != "json":
        return  # what kind of value stands in meta is each lead's own matter
    try:
        text = compiled(source, flavour).render(_SAMPLE)
    except EmptyPlaceholder:
        return  # asks for something inside a word; only leads can tell
    if flavour == "json" and not re.search(r"{%-?\s*(if|unless|case|for)\b", source):
        try:
            json.loads(text)
        except ValueError as error:
            raise BadTemplate(f"A webhook's content is its JSON body, and this is no JSON: {error}.") from error
