"""What an SMS will cost, told before it is sent: by what a segment cost lately."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.core.cache import cache

from campaigns.models import ContactAttempt
from campaigns.sms import sms_size
from retention_center.lib.channels import Channel

LOOK_BACK = timedelta(days=90)
NEWEST = 50
KEPT_SECONDS = 300


class Price(NamedTuple):
    amount: Decimal
    currency: str


def sms_price(segments: int, provider: str, now: datetime) -> Price | None:
    """What so many segments cost by this provider, as its newest messages did; None while none has a price."""
    key = f"sms-price:{provider}"
    each = cache.get(key)
    if each is None:
        each = _of_a_segment(provider, now) or ("", "")
        cache.set(key, each, KEPT_SECONDS)
    amount, currency = each
    return Price(Decimal(amount) * segments, currency) if amount else None


def _of_a_segment(provider: str, now: datetime) -> tuple[str, str] | None:
    """Of the newest messages with a price, those in the newest one's currency, each by its segments."""
    priced = ContactAttempt.objects.filter(
        channel=Channel.SMS, provider=provider, cost__gt=0, started_at__gt=now - LOOK_BACK
    )
    newest = list(priced.order_by("-started_at").values_list("cost", "currency", "result", "message")[:NEWEST])
    same = [
        (cost, _segments(result, message))
        for cost, currency, result, message in newest
        if cost is not None and currency == newest[0][1]
    ]
    if not same:
        return None
    each = sum((cost for cost, _count in same), Decimal(0)) / sum(count for _cost, count in same)
    return str(each), newest[0][1]


def _segments(result: dict[str, object], message: dict[str, object]) -> int:
    told = result.get("segments")
    return told if isinstance(told, int) and told > 0 else max(sms_size(str(message.get("text", ""))).segments, 1)
