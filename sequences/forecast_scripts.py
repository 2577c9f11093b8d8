"""Which scripts cannot be filled in for which leads, without rendering each message of a forecast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns import rendering
from campaigns.delivery.work import WorkItem
from campaigns.models import Script
from campaigns.reasons import Reason

GIVEN = "given"  # stands for the links that every message has
MOST_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Reads:
    """What a script looks at: names of a lead's fields, and whether more than their being blank matters."""

    names: tuple[str, ...]
    has_logic: bool


class Fitting:
    """Renders a script once for all leads that look alike to it: ``tracks`` says whether links are tracked."""

    def __init__(self, *, tracks: bool) -> None:
        self.tracking_url = GIVEN if tracks else ""
        self._reads: dict[str, Reads] = {}
        self._known: dict[tuple[Any, ...], Reason | None] = {}

    def reason(self, item: WorkItem) -> Reason | None:
        """Why the item's script cannot be sent to its lead, as the door would find."""
        script = item.script
        if script is None:
            return None
        reads = self._reads.get(script.pk) or self._reads.setdefault(script.pk, _reads(script))
        context = self._context(item) if reads.names else {}
        key = (script.pk, *_looks(reads, context))
        if key not in self._known:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[key] = _rendered(script, context or self._context(item))
        return self._known[key]

    def _context(self, item: WorkItem) -> dict[str, Any]:
        return rendering.context_for(
            item.lead,
            campaign=item.campaign,
            sequence_name=item.sequence_name,
            unsubscribe_url=GIVEN,
            tracking_url=self.tracking_url,
        )


def _rendered(script: Script, context: Mapping[str, Any]) -> Reason | None:
    try:
        rendering.render(script, context)
    except rendering.EmptyPlaceholder:
        return Reason.EMPTY_PLACEHOLDER
    except rendering.BadTemplate:
        return Reason.BAD_TEMPLATE
    return None


def _reads(script: Script) -> Reads:
    names = rendering.placeholders(script.subject) | rendering.placeholders(script.content)
    return Reads(tuple(sorted(names)), "{%" in script.subject or "{%" in script.content)


def _looks(reads: Reads, context: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells leads apart for a script: which of the fields it uses are blank; where it has logic, their values."""
    values = [_value(context, name) for name in reads.names]
    if reads.has_logic:
        return tuple(map(repr, values))
    return tuple([value is None or (isinstance(value, str) and not value.strip()) for value in values])


def _value(context: Mapping[str, Any], name: str) -> Any:
    """The value under a dotted name; of a name in brackets all that it may stand for."""
    if name in context:
        return context[name]
    value: Any = context
    for part in name.split("."):
        if "[" in part:
            return repr(value)
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
