"""Campaigns made, changed, moved and deleted, each with its audit; pages, API and admin call these."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from campaigns import assigning
from campaigns.instantly import syncing
from campaigns.meta import check_channels, check_meta
from campaigns.models import Campaign
from retention_center import audit
from retention_center.lib import clock

EARLIEST, LATEST = 2000, 2200  # years
LONGEST_DESCRIPTION = 10_000
COLUMNS = ("name", "description", "channels", "meta", "start_date", "end_date")


class HasHistory(Exception):
    """The row is part of what happened and cannot be deleted; the text says what to do instead."""


def check(campaign: Campaign) -> None:
    """Raise ValidationError by column, each with one sentence, for what cannot be saved."""
    wrong: dict[str, Any] = {}
    if not campaign.name.strip():
        wrong["name"] = "Give the campaign a name."
    for column, rule in (("channels", check_channels), ("meta", check_meta)):
        try:
            rule(getattr(campaign, column))
        except ValidationError as error:
            wrong[column] = error
    if len(campaign.description) > LONGEST_DESCRIPTION:
        wrong["description"] = f"Write at most {LONGEST_DESCRIPTION:,} characters."
    if campaign.start_date and campaign.end_date and campaign.end_date <= campaign.start_date:
        wrong["end_date"] = "The end must be after the start."
    for column in ("start_date", "end_date"):
        at = getattr(campaign, column)
        if at and not EARLIEST <= at.year <= LATEST:
            wrong[column] = f"Give a year from {EARLIEST} to {LATEST}."
    if wrong:
        raise ValidationError(wrong)


def create(campaign: Campaign, actor: audit.Actor) -> Campaign:
    """Save a new campaign; raises ValidationError."""
    check(campaign)
    with transaction.atomic():
        campaign.save(force_insert=True)
        audit.record(actor, "create", campaign, after=audit.snapshot(campaign, *COLUMNS))
    return campaign


def change(campaign: Campaign, values: dict[str, Any], actor: audit.Actor) -> Campaign:
    """Give the campaign's columns new values; raises ValidationError. The status moves by ``move`` alone."""
    before = audit.snapshot(campaign, *COLUMNS)
    for column, value in values.items():
        setattr(campaign, column, value)
    check(campaign)
    with transaction.atomic():
        old, new = audit.changed_values(campaign, before)
        if new:
            campaign.save(update_fields=[*new, *_begin_assigning(campaign)])
            audit.record(actor, "change", campaign, before=old, after=new)
    return campaign


def move(campaign: Campaign, status: str, actor: audit.Actor, now: datetime | None = None) -> None:
    """Activate, pause or complete, which holds from now on; raises RefusedTransition."""
    before = campaign.status
    with transaction.atomic():
        campaign.move_to(status)
        if status == Campaign.Status.ACTIVE:
            if began := _begin_assigning(campaign):
                campaign.save(update_fields=began)
            assigning.start_waiting(campaign, now or clock.now())
        syncing.mirror(campaign)
        audit.record(actor, "move", campaign, before={"status": before}, after={"status": status})


def _begin_assigning(campaign: Campaign) -> list[str]:
    """``autoAssign`` takes leads made from now on, once it is on and the campaign active: the columns that changed."""
    if not campaign.meta.get("autoAssign"):
        begins = None
    elif campaign.status == Campaign.Status.ACTIVE:
        begins = campaign.assigns_from or clock.now()
    else:
        return []
    if begins == campaign.assigns_from:
        return []
    campaign.assigns_from, campaign.assign_cursor = begins, None
    return ["assigns_from", "assign_cursor"]


def delete(campaign: Campaign, actor: audit.Actor) -> None:
    """Delete a campaign that nothing has happened in; raises HasHistory."""
    with transaction.atomic():
        attempts, conversions = campaign.contact_attempts.exists(), campaign.conversions.exists()
        worked = campaign.campaign_leads.exclude(status="PENDING").exists()
        if attempts or conversions or worked or campaign.ab_tests.exists():
            raise HasHistory(f"{campaign} has contacted leads, so it is kept for the record. Complete it instead.")
        audit.record(actor, "delete", campaign, before=audit.snapshot(campaign, *COLUMNS, "status"))
        campaign.delete()
