"""When a lead who entered now would get each step, if nothing but the contact hours stood in the way."""

from collections.abc import Sequence
from datetime import datetime

from campaigns.rules import main_zone, zones_of
from campaigns.windows import Rules, next_opening
from leads.models import Lead
from sequences.specs import StepSpec
from sequences.timing import after


def leaves_at(lead: Lead, steps: Sequence[StepSpec], rules: Rules, now: datetime) -> datetime | None:
    """When the last of ``steps`` would leave; None where no contact hour is left for the lead."""
    moment = now
    for step in steps:
        due = after(moment, step.delay_value, step.delay_unit, main_zone(lead))
        opening = next_opening(rules, zones_of(lead).names, due) or next_opening(rules, zones_of(lead).names[:1], due)
        if opening is None:
            return None
        moment = opening
    return moment
