"""A script as a lead would get it, with everything staff should know before it goes out."""

import re
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from campaigns.models import Campaign, Script
from campaigns.prices import Price, sms_price
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
from retention_center.lib import clock
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
_DEFAULTED = re.compile(r"""\{\{-?\s*([\w.]+)\s*\|[^}]*?\bdefault:\s*(?:"([^"]*)"|'([^']*)'|([\w.]+))""")


@dataclass(frozen=True)
class Preview:
    """``rendered`` is None when the text cannot be rendered at all; then ``problems`` says why.

    ``empty`` are placeholders without a value for this lead and without a fallback: they stand marked in the text,
    and a real message would not be sent. ``fallbacks`` are those whose fallback stands in: (placeholder, fallback).
    ``price`` is what an SMS cost lately; None while nobody knows.
    """

    rendered: Rendered | None
    problems: list[str]
    names: list[str]
    empty: list[str] = field(default_factory=list)
    sms: SmsSize | None = None
    fallbacks: list[tuple[str, str]] = field(default_factory=list)
    price: Price | None = None

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

    As in a real message, ``trackingUrl`` is blank while no tracker is set up; one query asks for the providers.
    """
    providers = ActiveProviders.load()
    said = problems(script.content, channel=script.type, content_type=script.content_type)
    said += [f"Subject: {problem}" for problem in problems(script.subject)]
    names = sorted(placeholders(script.content) | placeholders(script.subject))
    context = context_for(
        lead or SAMPLE,
        campaign=campaign or script.campaign,
        sequence_name="Your sequence",
        unsubscribe_url=f"{settings.PUBLIC_URL}/u/preview",
        tracking_url=providers.tracking_url("preview", (lead or SAMPLE).pk),
    )
    used = fallbacks(f"{script.subject}\n{script.content}", context)
    empty: list[str] = []
    try:
        rendered = _marked(script, context, empty)
    except (BadTemplate, EmptyPlaceholder) as error:
        return Preview(None, said or [str(error)], names, empty)
    if script.type != Channel.SMS:
        return Preview(rendered, said, names, empty, fallbacks=used)
    sms, sender = sms_size(rendered.text), providers.choose(script.type, script.provider)
    price = sms_price(sms.segments, sender, clock.now()) if sender else None
    return Preview(rendered, said, names, empty, sms, used, price)


def fallbacks(source: str, context: dict[str, Any]) -> list[tuple[str, str]]:
    """The placeholders that are empty for this lead and say themselves what stands in: (name, fallback), in order."""
    found: dict[str, str] = {}
    for name, double, single, word in _DEFAULTED.findall(source):
        if not _value(context, name):
            found.setdefault(name, double or single or word)
    return list(found.items())


def _value(context: Any, name: str) -> Any:
    for part in name.split("."):
        context = context.get(part) if isinstance(context, dict) else None
    return context


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
