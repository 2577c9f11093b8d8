"""The circuit breaker: what fails for everybody is left alone, then tried with one message at a time.

Its state is a row per provider, shared by all workers. Closed: nothing stands in it but failures in a row. Braked:
the provider asked us to wait (429), ``retry_at`` says until when. Open: ``opened_at`` stands, nothing is sent until
``retry_at``; then one message tries, and its outcome closes the breaker or keeps it open for longer. What waits
meanwhile is held by the policy and costs no try. All times are of the real clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from integrations.models import ProviderBreaker
from retention_center import audit
from retention_center.audit import Actor

TOO_MANY = 5  # failures without a success between them
WAITS = (  # open for less than this: wait so long; the waits grow as the outage does
    (timedelta(minutes=1), timedelta(minutes=1)),
    (timedelta(minutes=3), timedelta(minutes=2)),
    (timedelta(minutes=8), timedelta(minutes=5)),
    (timedelta(minutes=23), timedelta(minutes=15)),
)
LONGEST_WAIT = timedelta(minutes=30)
LONGEST_BRAKE = timedelta(hours=1)

_ADDRESS = re.compile(r"\S*@\S*")


@dataclass(slots=True)
class Outcomes:
    """What came of one batch at one provider.

    ``answered``: taken, or refused for the message's own sake: the provider works. ``refused``: for a reason that
    hits everybody (bad credentials). ``failed``: it could not be reached, or never answered. ``retry_after``:
    seconds it asks us to wait. ``detail``: the last refusal or failure in words.
    """

    answered: int = 0
    refused: int = 0
    failed: int = 0
    retry_after: float | None = None
    detail: str = ""

    @property
    def is_good(self) -> bool:
        return not (self.refused or self.failed) and self.retry_after is None


def standing(real_now: datetime) -> dict[str, ProviderBreaker]:
    """The providers through which nothing is sent just now, by name; one query."""
    return {row.provider: row for row in left_alone(real_now)}


def left_alone(real_now: datetime) -> QuerySet[ProviderBreaker]:
    """The rows of providers through which nothing is sent just now."""
    return ProviderBreaker.objects.filter(retry_at__gt=real_now)


def turned_away(provider: str, since: datetime, real_now: datetime) -> bool:
    """Whether it began to fail for everybody, or asked us to wait, after ``since``: what else was meant for it waits.

    Who is under way to try a failing provider began after it failed, and is not stopped. One query.
    """
    row = left_alone(real_now).filter(pk=provider)
    return row.filter(Q(opened_at__gt=since) | Q(opened_at=None)).exists()


def outages() -> list[ProviderBreaker]:
    """The providers that fail for everybody, the oldest outage first; one query."""
    return list(failing().order_by("opened_at"))


def failing() -> QuerySet[ProviderBreaker]:
    """The rows of providers that fail for everybody."""
    return ProviderBreaker.objects.filter(opened_at__isnull=False)


def admit(wanted: Mapping[str, int], real_now: datetime) -> dict[str, int]:
    """How many of the wanted calls may begin: all, or one that tries a failing provider, or none while it waits.

    Of several workers one wins the try. Call it inside the claiming transaction; one query in good weather.
    """
    granted = dict(wanted)
    names = [name for name, count in wanted.items() if count]
    for row in ProviderBreaker.objects.filter(provider__in=names, opened_at__isnull=False):
        granted[row.provider] = min(granted[row.provider], 1) if _win_the_try(row, real_now) else 0
    return granted


def _win_the_try(row: ProviderBreaker, real_now: datetime) -> bool:
    """Push the next try behind this one, so that nobody else tries while it is under way."""
    if row.retry_at is None or row.retry_at > real_now:
        return False
    under_way = timedelta(seconds=settings.CALL_SECONDS + 10)
    same = ProviderBreaker.objects.filter(pk=row.pk, opened_at=row.opened_at, retry_at=row.retry_at)
    return bool(same.update(retry_at=real_now + under_way))


def note(outcomes: Mapping[str, Outcomes], real_now: datetime) -> dict[str, ProviderBreaker]:
    """Take in what came of a batch, by provider: those that are left alone now. Call it in the recording transaction.

    One query, and no write, while all goes well.
    """
    rows = ProviderBreaker.objects.in_bulk(list(outcomes))
    touched = [name for name, each in outcomes.items() if not each.is_good or _is_troubled(rows.get(name))]
    if touched:
        missing = [ProviderBreaker(provider=name) for name in touched if name not in rows]
        ProviderBreaker.objects.bulk_create(missing, ignore_conflicts=True)
        locked = ProviderBreaker.objects.select_for_update().order_by("provider").filter(provider__in=touched)
        rows |= {row.provider: row for row in locked}
        for name in sorted(touched):
            _take_in(rows[name], outcomes[name], real_now)
    return {name: row for name, row in rows.items() if row.retry_at and row.retry_at > real_now}


def _is_troubled(row: ProviderBreaker | None) -> bool:
    return row is not None and bool(row.failures or row.opened_at)


def _take_in(row: ProviderBreaker, came: Outcomes, real_now: datetime) -> None:
    """One success closes, whatever else failed beside it: an outage has none."""
    if came.answered or came.retry_after is not None:
        if _is_troubled(row):
            _close(row)
        if came.retry_after is not None:
            _brake(row, came, real_now)
        return
    row.failures += came.refused + came.failed
    if came.refused or row.opened_at or row.failures >= TOO_MANY:
        _open(row, came, real_now)
    row.save()


def _open(row: ProviderBreaker, came: Outcomes, real_now: datetime) -> None:
    is_news = row.opened_at is None
    row.opened_at = row.opened_at or real_now
    row.retry_at = real_now + wait_after(real_now - row.opened_at)
    row.reason = _without_addresses(came.detail) or row.reason
    if is_news:
        after = {"reason": row.reason, "failures": row.failures, "retryAt": row.retry_at.isoformat()}
        audit.record(audit.SYSTEM, "provider fails", row, after=after)


def _close(row: ProviderBreaker) -> None:
    row.failures = 0
    if row.opened_at:
        before = {"since": row.opened_at.isoformat(), "reason": row.reason}
        audit.record(audit.SYSTEM, "provider works again", row, before=before)
        row.opened_at, row.retry_at, row.reason = None, None, ""
    row.save()


def _brake(row: ProviderBreaker, came: Outcomes, real_now: datetime) -> None:
    """The whole provider waits as long as it asks for, never shorter than it asked before."""
    wait = min(timedelta(seconds=max(came.retry_after or 0, 1)), LONGEST_BRAKE)
    row.retry_at = max(row.retry_at or real_now, real_now + wait)
    row.reason = _without_addresses(came.detail)
    row.save()


def wait_after(open_for: timedelta) -> timedelta:
    """How long a provider is left alone that has been failing for so long."""
    return next((wait for less_than, wait in WAITS if open_for < less_than), LONGEST_WAIT)


def try_now(provider: str, actor: Actor, real_now: datetime) -> bool:
    """Staff want the next message to try at once: False when nothing holds the provider back."""
    with transaction.atomic():
        held_back = ProviderBreaker.objects.filter(provider=provider, retry_at__gt=real_now)
        row = held_back.select_for_update().first()
        if row is None:
            return False
        row.retry_at = real_now
        row.save(update_fields=["retry_at"])
        audit.record(actor, "try now", row)
        import_string(settings.WAKE_HELD)(real_now)
        return True


def _without_addresses(detail: str) -> str:
    return _ADDRESS.sub("…", detail)[:255]
