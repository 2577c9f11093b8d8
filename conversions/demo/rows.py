"""What the stories leave behind, unsaved, and a lead's way through one sequence."""

from dataclasses import dataclass, field
from datetime import datetime

from campaigns.models import CampaignLead, ContactAttempt, Script
from conversions.models import Conversion
from leads.models import Lead
from sequences.models import RetentionSequence, SequenceEnrollment, SequenceStep, SequenceStepExecution

Execution = SequenceStepExecution
Enrollment = SequenceEnrollment


@dataclass
class Rows:
    """Everything the stories leave behind, unsaved, in the order in which it may be inserted."""

    enrollments: list[Enrollment] = field(default_factory=list)
    campaign_leads: list[CampaignLead] = field(default_factory=list)
    attempts: list[ContactAttempt] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    purchases: list[tuple[ContactAttempt, datetime, Conversion.Standing]] = field(default_factory=list)
    opt_outs: list[tuple[Lead, str, datetime]] = field(default_factory=list)


@dataclass
class Run:
    """A lead's way through one sequence: its rows, and which step stands open."""

    enrollment: Enrollment
    sequence: RetentionSequence
    steps: list[tuple[SequenceStep, Script]]
    stops_at: datetime | None  # when the sequence was paused or archived
    open: Execution | None = None

    @property
    def is_over(self) -> bool:
        return self.enrollment.status not in Enrollment.OPEN
