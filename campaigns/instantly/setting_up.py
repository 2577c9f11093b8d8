"""What every campaign at Instantly needs: a key, mailboxes, and a schedule that says our contact hours in its words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.models import Campaign, ContactPolicy
from campaigns.rules import narrowed, organisation_rules
from campaigns.windows import DAY_CODES
from integrations import instantly_zones
from integrations.models import IntegrationConfig
from retention_center.lib.channels import Channel

PROVIDER = "instantly"
MIDNIGHT = 24 * 60


class NotReady(Exception):
    """It cannot be done as things stand; the text tells staff why, and what to do."""


def config() -> Mapping[str, Any]:
    """Instantly's config; NotReady unless something could be sent with it."""
    row = IntegrationConfig.objects.filter(provider=PROVIDER, is_active=True).first()
    if row is None or not row.config.get("apiKey"):
        raise NotReady("Instantly is not set up: an admin gives its API key under Integrations, and switches it on.")
    return row.config


def sending(known: Mapping[str, Any], campaign: Campaign | None = None) -> dict[str, Any]:
    """The part of a campaign there that says who sends, and when; with ``campaign``, within its rules and dates."""
    mailboxes = list(known.get("emailAccounts") or [])
    if not mailboxes:
        raise NotReady("Instantly has no mailbox to send from: an admin names one under Integrations, Instantly.")
    zone = _zone(known)
    schedule: dict[str, Any] = {"schedules": [{"name": "Contact hours", "timezone": zone, **_hours(campaign)}]}
    if campaign and campaign.start_date:
        schedule["start_date"] = _day(campaign.start_date, zone)
    if campaign and campaign.end_date:
        schedule["end_date"] = _day(campaign.end_date, zone)
    return {
        "campaign_schedule": schedule,
        "email_list": mailboxes,
        "stop_on_reply": True,
        "insert_unsubscribe_header": True,
        "open_tracking": True,
        "link_tracking": True,
    }


def _zone(known: Mapping[str, Any]) -> str:
    zone = str(known.get("timeZone") or "") or instantly_zones.zone_for(settings.TIME_ZONE)
    if not zone:
        raise NotReady(
            f"Instantly has no time zone like {settings.TIME_ZONE}: an admin chooses one under Integrations, Instantly."
        )
    return zone


def _hours(campaign: Campaign | None) -> dict[str, Any]:
    """The contact policy's hours and days for e-mail, as far as the campaign leaves them open."""
    policy = organisation_rules(ContactPolicy.load(), Channel.EMAIL)
    rules = narrowed(policy, [campaign.meta] if campaign else [], Channel.EMAIL)
    if any(end <= start for start, end in rules.hours):
        raise NotReady("Instantly knows no hours over midnight: let the contact hours for e-mail end on the same day.")
    start, end = max(start for start, _end in rules.hours), min(end for _start, end in rules.hours)
    if start >= end or not rules.days:
        raise NotReady("The contact rules together leave no time open for e-mail.")
    days = {str((place + 1) % 7): code in rules.days for place, code in enumerate(DAY_CODES)}  # 0 is Sunday
    return {"timing": {"from": _time(start), "to": _time(min(end, MIDNIGHT - 1))}, "days": days}


def _time(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _day(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
