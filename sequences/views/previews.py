"""The builder's side panel: the chosen step as a lead would get it, and when it would leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from campaigns.models import ContactPolicy
from campaigns.previewing import Preview, preview
from campaigns.rules import zones_of
from campaigns.views.previews import found_lead
from leads.models import Lead
from retention_center.api.paging import capped_count
from retention_center.pages import words
from sequences import triggers
from sequences.models import RetentionSequence
from sequences.planning import leaves_at
from sequences.views.rows import ShownRow


@dataclass(frozen=True)
class StepPreview:
    """``leaves`` is a sentence; ``is_lost`` says that the lead asked for was not found."""

    row: ShownRow
    lead: Lead | None
    lead_text: str
    is_lost: bool
    seen: Preview | None
    leaves: str


def of(
    request: HttpRequest, sequence: RetentionSequence, rows: Sequence[ShownRow], shown: str, now: datetime
) -> StepPreview | None:
    """The chosen step, else the first with a script, for the lead asked for, else for the newest."""
    kept = [row for row in rows if row.number]
    row = next((one for one in kept if one.uid == shown), None) or next((one for one in kept if one.script), None)
    if row is None:
        return None
    asked: Any = request.POST if request.method == "POST" else request.GET
    lead_text = asked.get("lead", "")[:200]
    wanted = found_lead(lead_text)
    lead = wanted or Lead.objects.contactable().order_by("-created_at", "-pk").first()
    seen = preview(row.script, lead) if row.script else None
    leaves = _leaves(sequence, row, kept, lead, now)
    return StepPreview(row, lead, lead_text, bool(lead_text.strip()) and wanted is None, seen, leaves)


def _leaves(
    sequence: RetentionSequence, row: ShownRow, kept: Sequence[ShownRow], lead: Lead | None, now: datetime
) -> str:
    before = [one.row for one in kept[: kept.index(row) + 1] if one.row.is_active or one is row]
    if lead is None or any(one.delay is None for one in before):
        return ""
    at = leaves_at(lead, [one.as_spec() for one in before], ContactPolicy.load(), sequence.contact_rules, now)
    if at is None:
        return "No contact hour is left for this lead."
    zone = zones_of(lead).main
    told = words.planned(at, now, ZoneInfo(zone))
    told = told[0].lower() + told[1:] if told.startswith("To") else told  # today, tomorrow
    told = f"Entering now, {lead} would get it {told} in {zone.split('/')[-1].replace('_', ' ')}"
    if not row.row.conditions:
        return f"{told}."
    return f"{told}, if its {'conditions hold' if len(row.row.conditions) > 1 else 'condition holds'} then."


def matching(sequence: RetentionSequence, now: datetime) -> str:
    """ "318 leads", "more than 10,000 leads": who matches the trigger now and was never in. Nothing for manual ones."""
    is_manual = sequence.trigger_type == RetentionSequence.Trigger.MANUAL
    if is_manual or sequence.status == RetentionSequence.Status.ARCHIVED:
        return ""
    count, is_capped = capped_count(triggers.matching(sequence, now))
    return ("more than " if is_capped else "") + words.plural(count, "lead matches", "leads match")
