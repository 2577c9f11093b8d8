"""Numbers, money and times as people read them. Pure functions; the template tags and exports call them."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone

TOO_FEW = 30  # observations below which a rate says nothing
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def number(value: object) -> str:
    """1240 -> "1,240"; None -> "none"."""
    if value is None or value == "":
        return "none"
    if isinstance(value, float | Decimal):
        return f"{value:,f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"
    return f"{int(str(value)):,}"


def money(amount: object, currency: str) -> str:
    """8412, "USD" -> "$8,412.00"; at most four decimals, at least two; other currencies by their code."""
    if amount is None or amount == "":
        return "none"
    exact = Decimal(str(amount)).quantize(Decimal("0.0001"))
    places = 4 if exact != exact.quantize(Decimal("0.01")) else 2
    digits, minus = f"{abs(exact):,.{places}f}", "-" if exact < 0 else ""
    if sign := SIGNS.get(currency):
        return f"{minus}{sign}{digits}"
    return f"{minus}{digits} {currency}".strip()


def percent(part: int, whole: int) -> str:
    """23, 924 -> "2.5 %"."""
    if not whole:
        return "none"
    share = 100 * part / whole
    return f"{share:.0f} %" if share in {0, 100} or share >= 99.95 else f"{share:.1f} %"


def rate(part: int, whole: int) -> str:
    """23, 924 -> "23 of 924, 2.5 %"; below 30 observations "3 of 12, too few to judge"."""
    head = f"{number(part)} of {number(whole)}"
    return f"{head}, {percent(part, whole)}" if whole >= TOO_FEW else f"{head}, too few to judge"


def plural(count: int, one: str, many: str = "") -> str:
    """1240, "lead" -> "1,240 leads"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def span(passed: timedelta) -> str:
    """A length of time by its largest unit: "12 s", "41 min", "14 h", "2 days"."""
    seconds = max(int(abs(passed.total_seconds())), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h"
    return plural(seconds // 86400, "day")


def ago(at: datetime, now: datetime) -> str:
    """Relative within seven days ("3 h ago", "in 2 days"), else the date."""
    if abs(now - at) >= timedelta(days=7):
        return day(at)
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"


def day(at: datetime, zone: ZoneInfo | None = None) -> str:
    """The date in the reader's zone: "21 Feb 2026"."""
    local = timezone.localtime(at, zone)
    return f"{local.day} {local:%b %Y}"


def exact(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Unambiguous date and time: "21 Feb 2026 14:02"."""
    return f"{day(at, zone)} {timezone.localtime(at, zone):%H:%M}"


def exact_with_zone(at: datetime) -> str:
    """As ``exact``, with seconds and the zone's name: what a time's title says."""
    local = timezone.localtime(at)
    return f"{day(at)} {local:%H:%M:%S}, {timezone.get_current_timezone_name()}"


def within_a_sentence(moment: str) -> str:
    """ "Today 23:00" as it stands inside a sentence: names of days keep their capital."""
    return moment[:1].lower() + moment[1:] if moment.startswith(("Today", "Tomorrow", "Yesterday")) else moment


def inside(sentence: str) -> str:
    """A sentence as it stands behind a colon; what begins with a name or an abbreviation keeps its capital."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def planned(at: datetime, now: datetime, zone: ZoneInfo | None = None) -> str:
    """A time to come, with its day: "Today 23:00", "Tomorrow 03:00", "Wed 25 Feb 08:00"."""
    local, today = timezone.localtime(at, zone), timezone.localtime(now, zone).date()
    days = (local.date() - today).days
    if days in {-1, 0, 1}:
        return f"{('Today', 'Tomorrow', 'Yesterday')[days]} {local:%H:%M}"
    if local.year != today.year:
        return f"{local:%a} {day(at, zone)} {local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def initials(name: str) -> str:
    """ "Kaija Ozola" -> "KO"; "k.ozola@example.com" -> "KO"."""
    parts = [part for part in name.split("@")[0].replace(".", " ").replace("_", " ").split() if part]
    letters = [parts[0][0], parts[-1][0]] if len(parts) > 1 else [name[:1]]
    return "".join(letters).upper()
