"""What templates need beyond Django's own: icons, statuses, times, numbers, the address's query."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.forms import BoundField, CheckboxInput
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from retention_center.lib import clock
from retention_center.pages import undo as undoing
from retention_center.pages import words
from retention_center.pages.charts import Chart
from retention_center.pages.statuses import Status, status_of

register = template.Library()
SPRITE = "img/symbols.svg"


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """A 16 px symbol. Without a label it is decoration and hidden from screen readers."""
    return _symbol(name, f"icon {css}".strip(), label)


@register.simple_tag
def shape(name: str, tone: str = "idle", label: str = "") -> SafeString:
    """A 14 px status shape in its tone, without its word."""
    return _symbol(f"s-{name}", f"shape tone-{tone}", label)


@register.simple_tag
def status(model: Any, value: object = None, word: str = "") -> SafeString:
    """Shape and word: ``{% status lead %}``, ``{% status "Lead" "NEW" %}``; ``word`` replaces the table's word."""
    shown = _status(model, value)
    mark = _symbol(f"s-{shown.shape}", f"shape tone-{shown.tone}")
    return format_html('<span class="status">{}<span>{}</span></span>', mark, word or shown.word)


@register.simple_tag
def status_shape(model: Any, value: object = None) -> SafeString:
    """The status's shape with its word as the label, where the word stands elsewhere or there is no room."""
    shown = _status(model, value)
    return _symbol(f"s-{shown.shape}", f"shape tone-{shown.tone}", shown.word)


@register.filter
def status_word(value: object, model: str) -> str:
    """``{{ lead.status|status_word:"Lead" }}`` -> "In progress"."""
    return status_of(model, value).word


@register.filter
def channel_icon(channel: str) -> SafeString:
    """The channel's symbol, named for screen readers."""
    labels = {"EMAIL": "E-mail", "SMS": "SMS", "CALL": "Call", "WEBHOOK": "Webhook"}
    return icon(str(channel).lower(), labels.get(str(channel), str(channel)))


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Relative up to 7 days, else the date; the exact time and zone stand in the title. None: "never"."""
    return _time(at, words.ago(at, clock.now())) if at else "never"


@register.filter
def when(at: datetime | None, style: str = "exact") -> SafeString | str:
    """A time in the reader's zone: exact ("21 Feb 2026 14:02"), day, clock ("14:02"), planned ("Today 23:00")
    or planned_within ("today 23:00", for the middle of a sentence)."""
    if not at:
        return "none"
    text = {
        "exact": lambda: words.exact(at),
        "day": lambda: words.day(at),
        "clock": lambda: words.exact(at)[-5:],
        "planned": lambda: words.planned(at, clock.now()),
        "planned_within": lambda: words.within_a_sentence(words.planned(at, clock.now())),
    }[style]()
    return _time(at, text)


@register.filter
def number(value: object) -> str:
    """With separators: 1240 -> "1,240"."""
    return words.number(value)


@register.filter
def money(amount: object, currency: str = "") -> str:
    """``{{ 8412|money }}`` -> "$8,412.00" in the reporting currency; ``{{ amount|money:row.currency }}`` in another."""
    return words.money(amount, currency or settings.CURRENCY)


@register.simple_tag
def rate(part: int, whole: int) -> str:
    """ "23 of 924, 2.5 %", or "3 of 12, too few to judge"."""
    return words.rate(part or 0, whole or 0)


@register.filter
def plural(count: int, one_many: str) -> str:
    """``{{ n|plural:"lead" }}`` -> "1,240 leads"; ``{{ n|plural:"reply,replies" }}`` where an s is wrong."""
    one, _, many = one_many.partition(",")
    return words.plural(count or 0, one, many)


@register.filter
def undo(message: Message) -> dict[str, Any] | None:
    """How what a message tells of is taken back; None where it cannot be."""
    return undoing.offered(message)


@register.filter
def initials(name: object) -> str:
    return words.initials(str(name))


@register.simple_tag(takes_context=True)
def query(context: RequestContext, **changes: object) -> str:
    """The address's query with some values changed and the rest kept; None removes, and the page number starts anew.

    ``<a href="{% query sort='name' %}">`` keeps filters and search.
    """
    params = context["request"].GET.copy()
    for gone in ("page", "export"):
        params.pop(gone, None)
    for name, value in changes.items():
        if value is None or value == "":
            params.pop(name, None)
        else:
            params[name] = str(value)
    return "?" + params.urlencode()


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, hint: str = "", label: str = "", says_optional: bool = True) -> dict[str, Any]:
    """One form field: label above, hint, the control, its error tied to it."""
    return {
        "field": bound,
        "label": label or bound.label,
        "hint": hint or bound.help_text,
        "is_optional": says_optional and not bound.field.required,
        "is_check": isinstance(bound.field.widget, CheckboxInput),
        "is_group": bound.use_fieldset,
        "error_id": f"{bound.auto_id}_error",
        "hint_id": f"{bound.auto_id}_helptext",
    }


@register.inclusion_tag("components/chart.html")
def chart(drawn: Chart) -> dict[str, Any]:
    """A chart of ``retention_center.pages.charts`` with its legend, summary sentence and table."""
    return {"chart": drawn}


@register.simple_block_tag
def section(content: str, title: str, note: Any = "", href: str = "", link: str = "", id: str = "") -> SafeString:
    """A section under a hairline: its h2, a note or a link at the end, then what stands between the tags."""
    anchor = format_html(' id="{}"', id) if id else ""
    side = format_html("<span>{}</span>", note) if note else ""
    door = format_html('<a href="{}">{}</a>', href, link) if href else ""
    head = format_html('<div class="section-head"><h2>{}</h2>{}{}</div>', title, side, door)
    return format_html('<section class="section"{}>{}{}</section>', anchor, head, content)


def _status(model: Any, value: object) -> Status:
    if isinstance(model, str):
        return status_of(model, value)
    return status_of(type(model).__name__, model.status)


def _symbol(name: str, css: str, label: str = "") -> SafeString:
    told = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="{}" {}><use href="{}#{}"/></svg>', css, told, static(SPRITE), name)


def _time(at: datetime, text: str) -> SafeString:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="seconds"), words.exact_with_zone(at), text
    )
