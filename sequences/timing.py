"""When a step is due: hours are elapsed hours, days and weeks keep the lead's wall-clock time. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.windows import at_local
from sequences.models import SequenceStep

UNIT = SequenceStep.DelayUnit
DAYS_IN = {UNIT.DAYS: 1, UNIT.WEEKS: 7}


@lru_cache(maxsize=4096)  # the steps of a batch begin to wait together
def after(moment: datetime, value: int, unit: str, zone: ZoneInfo) -> datetime:
    """``value`` units after ``moment``; a local time that a clock change skips becomes the end of the gap."""
    if unit == UNIT.HOURS or not value:
        return moment + timedelta(hours=value)
    local = moment.astimezone(zone)
    day = local.date() + timedelta(days=value * DAYS_IN[UNIT(unit)])
    same_minute = at_local(day, local.hour * 60 + local.minute, zone)
    return (same_minute + timedelta(seconds=local.second, microseconds=local.microsecond)).astimezone(UTC)


def in_words(value: int, unit: str, *, is_first: bool = False) -> str:
    """A step's delay for staff: '2 days later', '1 hour after entering', 'at once'."""
    if value == 0:
        return "at once"
    word = unit.lower().removesuffix("s") if value == 1 else unit.lower()
    return f"{value} {word} {'after entering' if is_first else 'later'}"
