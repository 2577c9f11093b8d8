"""A script as a lead would get it, with everything staff should know before it goes out."""

import re
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from campaigns.models import Campaign, Script
from campaigns.rendering import (
    BadTemplate,
    EmptyPlaceholder,
    Rendered,
    SmsSize,
    context_for,
    placeholders,
    problems,
    render,
    sms_size,
)
from integrations.providers.registry import ActiveProviders
from leads.models import Lead
from retention_center.lib.channels import Channel

SAMPLE = Lead(
    id="sample",
    first_name="Ada",
    last_name="Lovelace",
    email="ada@example.com",
    phone="+12125550123",
    external_id="CRM-1",
    source="MANUAL",
)
MOST_MARKS = 50


@dataclass(frozen=True)
class Preview:
    """``rendered`` is None when the text cannot be rendered at all; then ``problems`` says why.

    ``empty`` are placeholders without a value for this lead and without a fallback: they stand marked in the text,
    and a real message would not be sent.
    """

    rendered: Rendered | None
    problems: list[str]
    names: list[str]
    empty: list[str] = field(default_factory=list)
    sms: SmsSize | None = None

    @property
    def unknown(self) -> list[str]:
        """The placeholders no lead has."""
        found = (re.match(r"There is no placeholder “(.*?)”", problem) for problem in self.problems)
        return [match[1] for match in found if match]

    @property
    def is_sendable(self) -> bool:
        return self.rendered is not None and not self.problems and not self.empty


def preview(script: Script, lead: Lead | None = None, campaign: Campaign | None = None) -> Preview:
    """Fill the script in for the lead, or for a made-up one; its unsubscribe link leads nowhere.

    As in a real message, ``trackingUrl`` is blank while no tracker is set up; one query asks for it.
    """
    said = problems(script.content, channel=script.type, content_type=script.content_type)
    said += [f"Subject: {problem}" for problem in problems(script.subject)]
    names = sorted(placeholders(script.content) | placeholders(script.subject))
    context = context_for(
        lead or SAMPLE,
        campaign=campaign or script.campaign,
        sequence_name="Your sequence",
        unsubscribe_url=f"{settings.PUBLIC_URL}/u/preview",
        tracking_url=ActiveProviders.load().tracking_url("preview", (lead or SAMPLE).pk),
    )
    empty: list[str] = []
    try:
        rendered = _marked(script, context, empty)
    except (BadTemplate, EmptyPlaceholder) as error:
        return Preview(None, said or [str(error)], names, empty)
    sms = sms_size(rendered.text) if script.type == Channel.SMS else None
    return Preview(rendered, said, names, empty, sms)


def _marked(script: Script, context: dict[str, Any], empty: list[str]) -> Rendered:
    """Render, putting a mark where a placeholder is empty; raises when marks do not help."""
    for _ in range(MOST_MARKS):
        try:
            return render(script, context)
        except EmptyPlaceholder as missing:
            if missing.name in empty:
                raise
            empty.append(missing.name)
            _mark(context, missing.name)
    return render(script, context)


def _mark(context: dict[str, Any], name: str) -> None:
    *path, last = name.split(".")
    inside = context
    for part in path:
        below = inside.get(part)
        inside[part] = dict(below) if isinstance(below, dict) else {}
        inside = inside[part]
    inside[last] = f"[{name} is empty]"
