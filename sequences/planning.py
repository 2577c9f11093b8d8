"""When a lead who entered now would get each step, if nothing but the contact hours stood in the way.

Conditions are judged when a step is due, on what is known by then, so nobody can tell them now. A step that is left
out for one takes its wait all the same: it hardly moves the steps behind it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from campaigns.models import ContactPolicy
from campaigns.rules import main_zone, narrowed, organisation_rules, zones_for
from campaigns.windows import next_opening
from leads.models import Lead
from sequences.specs import StepSpec
from sequences.timing import after


def leaves_at(
    lead: Lead, steps: Sequence[StepSpec], policy: ContactPolicy, own: Mapping[str, Any], now: datetime
) -> datetime | None:
    """When the last of ``steps`` would leave if its conditions hold; None where no contact hour is left for the lead.

    ``own`` are the contact rules of the steps' sequence.
    """
    moment = now
    for step in steps:
        due = after(moment, step.delay_value, step.delay_unit, main_zone(lead))
        rules = narrowed(organisation_rules(policy, step.channel), [own], step.channel)
        opening = next_opening(rules, zones_for(lead, rules, due).names, due)
        if opening is None:
            return None
        moment = opening
    return moment
