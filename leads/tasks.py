"""The scheduled work of leads: forgetting what has served its time."""

from datetime import timedelta

from leads import removing, search_index
from leads.importing import start
from leads.models import ImportFile, ImportJob, ImportRow
from retention_center.audit import SYSTEM
from retention_center.lib import clock

DRAFTS_KEPT = timedelta(days=7)
CELLS_KEPT = timedelta(days=30)


def forget() -> dict[str, int]:
    """Nightly: erase leads deleted 30 days ago, drafts nobody ran, and the text of rows left out. Counts by kind."""
    now = clock.now()
    erased = 0
    while more := removing.erase_long_deleted(actor=SYSTEM, now=now):
        erased += more
    search_index.compact()
    for draft in ImportJob.objects.filter(file__isnull=False, updated_at__lt=now - DRAFTS_KEPT).select_related("job"):
        if draft.job is None or draft.job.kind == start.CHECK:
            start.forget_check(draft)
    files = ImportFile.objects.filter(import_job__updated_at__lt=now - DRAFTS_KEPT).delete()[0]
    rows = ImportRow.objects.filter(import_job__created_at__lt=now - CELLS_KEPT).exclude(cells={}, problems=[])
    return {"leads": erased, "files": files, "rows": rows.update(cells={}, problems=[])}
