"""A lead's conversions as its timeline tells them."""

from datetime import datetime

from conversions.models import Conversion
from leads.models import Lead
from leads.timeline import OTHER, Event
from retention_center.pages.statuses import status_of
from retention_center.pages.words import money


def of_lead(lead: Lead, before: datetime | None, limit: int) -> list[Event]:
    """No query: ``leads.timeline.load`` has loaded them."""
    rows = lead.conversions.all()
    return [as_event(row) for row in rows if before is None or row.created_at < before][: limit + 1]


def as_event(conversion: Conversion) -> Event:
    shown = status_of("Conversion", conversion.standing)
    return Event(
        at=conversion.created_at,
        kind=OTHER,
        what=f"{conversion.status.capitalize()}, {money(conversion.revenue, conversion.currency)}",
        mark=shown.shape,
        tone=shown.tone,
        outcome="" if conversion.standing == Conversion.Standing.CONFIRMED else shown.word.lower(),
        detail=conversion.campaign.name if conversion.campaign else "",
        origin=conversion.source.capitalize(),
        origin_href=conversion.get_absolute_url(),
        object_type="conversion",
        object_id=conversion.pk,
    )
