"""What the health page says of steps that wait."""

from datetime import datetime

from django.urls import reverse

from retention_center.pages.counting import capped_counts
from retention_center.pages.health_page import Sign
from sequences.models import SequenceStepExecution
from sequences.processor import count_overdue

COUNTED_AT_MOST = 10_000


def of_steps(now: datetime) -> list[Sign]:
    """What is due, overdue, and held for staff; at most ten thousand are counted."""
    steps = SequenceStepExecution.objects
    due, held = capped_counts([steps.due(now), steps.waiting_for_staff()], [COUNTED_AT_MOST] * 2)
    overdue = count_overdue(now)
    return [
        Sign("Steps due now", due, "good", f"{reverse('steps')}?state=due"),
        Sign(
            "Overdue, steps and campaigns",
            overdue,
            "hold" if overdue else "good",
            f"{reverse('steps')}?state=overdue",
            "More is due than the providers' pace allows, or no worker runs.",
        ),
        Sign(
            "Steps that wait for staff",
            held,
            "hold" if held else "good",
            reverse("catch-up"),
            "They leave when somebody decides at Catch-up.",
        ),
    ]
