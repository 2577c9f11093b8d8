"""Figures of campaigns and attempts, by grouped queries: what pages and API show alike."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, Max, Q, QuerySet, Sum

from campaigns.models import Campaign, CampaignLead, ContactAttempt
from retention_center.lib.channels import Channel

Status = ContactAttempt.Status


@dataclass
class ChannelFigures:
    """Attempts on one channel: ``by_status`` counts each status there is."""

    channel: str
    by_status: dict[str, int] = field(default_factory=dict)

    def _sum(self, statuses: Iterable[str]) -> int:
        return sum(self.by_status.get(status, 0) for status in statuses)

    @property
    def total(self) -> int:
        return sum(self.by_status.values())

    @property
    def accepted(self) -> int:
        return self._sum(ContactAttempt.ACCEPTED)

    @property
    def arrived(self) -> int:
        return self._sum((Status.DELIVERED, Status.SUCCESS))

    @property
    def answered(self) -> int:
        return self._sum((Status.SUCCESS,))

    @property
    def failed(self) -> int:
        return self._sum((Status.FAILED, Status.BOUNCED))

    @property
    def unknown(self) -> int:
        return self._sum((Status.UNKNOWN,))

    @property
    def open(self) -> int:
        return self._sum((Status.PENDING,))


@dataclass(frozen=True)
class CampaignFigures:
    """What came of a campaign. ``revenue`` is confirmed money in the reporting currency, ``conversions`` its count."""

    total: int
    by_status: dict[str, int]
    channels: list[ChannelFigures]
    conversions: int
    revenue: Decimal
    currency: str


def of_campaign(campaign: Campaign) -> CampaignFigures:
    """Three queries, whatever the campaign's size."""
    by_status = dict.fromkeys(map(str, CampaignLead.Status.values), 0)
    by_status |= dict(campaign.campaign_leads.order_by("status").values_list("status").annotate(Count("pk")))
    confirmed = campaign.conversions.confirmed().filter(currency=settings.CURRENCY)
    money = confirmed.aggregate(count=Count("pk"), revenue=Sum("revenue"))
    return CampaignFigures(
        total=sum(by_status.values()),
        by_status=by_status,
        channels=by_channel(campaign.contact_attempts.all()),
        conversions=money["count"],
        revenue=money["revenue"] or Decimal(0),
        currency=settings.CURRENCY,
    )


def by_channel(attempts: QuerySet[ContactAttempt]) -> list[ChannelFigures]:
    """One row for each channel, in the order of the channels; one query."""
    found = {channel: ChannelFigures(str(channel)) for channel in Channel.values}
    rows = attempts.order_by("channel", "status").values_list("channel", "status").annotate(Count("pk"))
    for channel, status, count in rows:
        found[channel].by_status[status] = count
    return list(found.values())


def performance(attempts: QuerySet[ContactAttempt]) -> list[dict[str, Any]]:
    """By channel, status and currency: how many, their average duration (seconds) and average cost."""
    keys = ("channel", "status", "currency")
    rows = attempts.order_by(*keys).values(*keys)
    return list(rows.annotate(count=Count("pk"), average_duration=Avg("duration"), average_cost=Avg("cost")))


def sent_today(now: datetime) -> dict[str, tuple[datetime | None, int]]:
    """By provider, of the last 24 hours: when it last took a contact, and how many failed. One query."""
    recent = ContactAttempt.objects.filter(started_at__gte=now - timedelta(hours=24)).order_by().values("provider")
    found = recent.annotate(
        last=Max("started_at", filter=Q(status__in=ContactAttempt.ACCEPTED)),
        failed=Count("pk", filter=Q(status__in=[Status.FAILED, Status.BOUNCED])),
    )
    return {row["provider"]: (row["last"], row["failed"]) for row in found}
