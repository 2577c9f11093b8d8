"""What became of everything a sequence or a campaign has in hand, grouped by reason; each line opens its rows.

The lines leave nothing out and count nothing twice, so that they add up to all there is.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Count, Min
from django.db.models.functions import TruncDate
from django.utils import timezone

from campaigns.models import Campaign, CampaignLead
from campaigns.reasons import sentence_of
from retention_center.pages import words

DAYS = 7  # that are told one by one


@dataclass(frozen=True)
class Line:
    """``status`` is the pages' word for it, ``why`` the reason or the day, ``note`` says until when; its rows."""

    status: str
    why: str
    count: int
    href: str
    note: str = ""


def query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def by_day(
    counted: Iterable[tuple[date, int]], now: datetime, href: str, name: str, status: str = "SCHEDULED"
) -> list[Line]:
    """Planned contacts day by day; what lies further ahead is one line. ``name``From and ``name``To are the filters."""
    today = timezone.localtime(now).date()
    last = today + timedelta(days=DAYS - 1)
    lines, later, together = [], 0, Counter[date]()
    for day, count in counted:
        together[day] += count
    for day, count in sorted(together.items()):
        if day > last:
            later += count
            continue
        only = query(state="planned", **{f"{name}From": day.isoformat(), f"{name}To": day.isoformat()})
        lines.append(Line(status, f"Planned for {_day(day, today)}", count, f"{href}?{only}"))
    if later:
        only = query(state="planned", **{f"{name}From": (last + timedelta(days=1)).isoformat()})
        lines.append(Line(status, f"Planned for later than {_day(last, today)}", later, f"{href}?{only}"))
    return lines


def until(soonest: datetime | None, now: datetime) -> str:
    """When the first of those that are held goes on."""
    if soonest is None:
        return ""
    return f"the first until {words.within_a_sentence(words.planned(soonest, now))}"


def _day(day: date, today: date) -> str:
    names = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return names.get((day - today).days, f"{day:%a} {day.day} {day:%b}")


def of_campaign(campaign: Campaign, now: datetime, href: str) -> list[Line]:
    """All places of the campaign; two queries."""
    places = campaign.campaign_leads.order_by()
    day = TruncDate("due_at", tzinfo=timezone.get_current_timezone())
    planned = CampaignLead.objects.in_state("planned").filter(campaign=campaign).order_by()
    lines = by_day(planned.annotate(day=day).values_list("day").annotate(n=Count("pk")), now, href, "due", "PENDING")
    rest = places.exclude(pk__in=planned.values("pk")).values_list("status", "is_in_flight", "held_reason", "reason")
    for status, in_flight, held, reason, count, soonest in rest.annotate(n=Count("pk"), soonest=Min("held_until")):
        if status == CampaignLead.Status.COMPLETED:
            only = query(status=status, reason=reason) if reason else query(state="all_done")
            lines.append(Line(status, sentence_of(reason) if reason else "All contacts made", count, f"{href}?{only}"))
        elif in_flight:
            lines.append(Line("PENDING", "Being sent now", count, f"{href}?{query(state='in_flight')}"))
        elif held:
            only = query(state="held", heldReason=held)
            lines.append(Line("HELD", sentence_of(held), count, f"{href}?{only}", until(soonest, now)))
        else:
            lines.append(Line("PENDING", "Not planned yet", count, f"{href}?{query(state='not_planned')}"))
    return _merged(lines)


def _merged(lines: list[Line]) -> list[Line]:
    """Lines with the same rows behind them are one: those of leads contacted before, and not yet."""
    found: dict[str, Line] = {}
    for line in lines:
        known = found.get(line.href)
        count = line.count + (known.count if known else 0)
        found[line.href] = Line(line.status, line.why, count, line.href, line.note or (known.note if known else ""))
    return list(found.values())
