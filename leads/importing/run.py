"""The import itself, slice by slice, each one transaction: a kill at any moment loses and doubles nothing."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import batched

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.module_loading import import_string

from leads import intake
from leads.cleaning import Row
from leads.importing.read import Record
from leads.importing.start import reading_of, table_of
from leads.merging import Outcome, Taken
from leads.models import ImportFile, ImportJob, ImportRow
from retention_center.audit import Actor
from retention_center.jobs import Progress
from retention_center.lib import clock

SLICE = 1000
DEFAULT_SOURCE = "UPLOAD"


def run_job(progress: Progress) -> None:
    """The job ``import_leads``: goes on behind the last row whose slice was committed."""
    importing = ImportJob.objects.select_related("created_by").get(pk=progress.arguments["import"])
    records = table_of(importing).records
    reading = reading_of(importing)
    actor = _actor(importing, progress.arguments.get("via", "page"))
    progress.save(importing.processed, len(records))
    for slice_ in batched(records[importing.processed :], SLICE):
        rows = [reading.row_of(record) for record in slice_]  # the slow part, outside the transaction
        with transaction.atomic():
            _import_slice(importing, slice_, rows, actor, clock.now())
            importing.refresh_from_db()
            progress.save(importing.processed, **counts(importing))
    ImportFile.objects.filter(pk=importing.pk).delete()  # personal data that has served its time


def counts(importing: ImportJob) -> dict[str, int]:
    """The counts that the command, the API and the page report."""
    names = ("rows", "created", "updated", "unchanged", "invalid", "warnings")
    return {name: getattr(importing, name) for name in names}


def _actor(importing: ImportJob, via: str) -> Actor:
    return Actor(f"{importing.created_by or 'import'}", via, importing.created_by)


def _import_slice(
    importing: ImportJob, slice_: Sequence[Record], rows: Sequence[Row], actor: Actor, now: datetime
) -> None:
    taken = intake.take_in(rows, now=now, actor=actor, source=importing.source or DEFAULT_SOURCE)
    ImportRow.objects.bulk_create(_told(importing, record, one) for record, one in zip(slice_, taken, strict=True))
    if importing.campaign_id:
        lead_ids = list(dict.fromkeys(one.lead.pk for one in taken if one.lead and one.outcome != Outcome.INVALID))
        import_string(settings.IMPORTED)(importing.campaign_id, lead_ids, now)
    found = Counter(one.outcome for one in taken)
    warnings = sum(len(one.problems) for one in taken if one.outcome != Outcome.INVALID)
    ImportJob.objects.filter(pk=importing.pk).update(
        processed=F("processed") + len(rows),
        warnings=F("warnings") + warnings,
        updated_at=clock.now(),
        **{outcome.value: F(outcome.value) + found[outcome] for outcome in Outcome},
    )


def _told(importing: ImportJob, record: Record, taken: Taken) -> ImportRow:
    """The row's result; its text is kept only when it has a problem, to be handed back."""
    return ImportRow(
        import_job=importing,
        number=record.number,
        outcome=taken.outcome,
        lead=taken.lead if taken.outcome != Outcome.INVALID else None,
        problems=[problem.as_json() for problem in taken.problems],
        cells=dict(zip(importing.columns, record.cells, strict=False)) if taken.problems else {},
    )
