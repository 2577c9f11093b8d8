"""What sequences forget of an erased lead: words that a provider or staff wrote; which step ran when stays."""

from collections.abc import Sequence

from retention_center import audit
from sequences.models import SequenceEnrollment, SequenceStepExecution


def erase_leads(lead_ids: Sequence[str]) -> None:
    enrollments = SequenceEnrollment.objects.filter(lead_id__in=lead_ids)
    enrollments.update(meta={})
    SequenceStepExecution.objects.filter(lead_id__in=lead_ids).update(last_error="")
    ids = list(enrollments.values_list("pk", flat=True))
    audit.forget("sequenceenrollment", ids, "Enrollment of an erased lead")
