"""What conversions forget of an erased lead: everything the tracker told besides the money."""

from collections.abc import Sequence

from conversions.models import Conversion
from retention_center import audit


def erase_leads(lead_ids: Sequence[str]) -> None:
    conversions = Conversion.objects.filter(lead_id__in=lead_ids)
    conversions.update(postback_data={})
    ids = list(conversions.values_list("pk", flat=True))
    audit.forget("conversion", ids, "Conversion of an erased lead")
