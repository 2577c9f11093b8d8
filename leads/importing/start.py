"""An import's beginning: the file kept, its columns guessed; then staff's choices, the check and the run."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from leads.identity import clean_region, clean_text
from leads.importing import map as mapping_of
from leads.importing.read import Table, Unreadable, read
from leads.importing.rows import Reading
from leads.models import ImportFile, ImportJob
from retention_center import audit, jobs
from retention_center.audit import Actor
from retention_center.jobs import Watch
from retention_center.models import Job

RUN, CHECK = "import_leads", "check_import"
CHECKED_AT_ONCE = 5_000  # rows; more are checked by the worker


def draft(
    table: Table,
    filename: str,
    *,
    actor: Actor,
    source: str = "",
    region: str = "",
    wishes: Mapping[str, str] | None = None,
) -> ImportJob:
    """An import with guessed columns and ``wishes`` over them, not written yet. Raises BadValue or ValueError."""
    guessed = mapping_of.guess(table.columns, table.records)
    return ImportJob(
        filename=clean_text(filename)[-255:] or "file",
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.sheet[:100],
        columns=table.columns,
        mapping=mapping_of.chosen(table.columns, guessed, wishes or {}),
        source=clean_text(source, 60),
        region=clean_region(region),
        rows=len(table.records),
        created_by=actor.user,
    )


def keep(importing: ImportJob, content: bytes, *, actor: Actor) -> ImportJob:
    """Write the draft and its file, so that any machine's worker can take it up."""
    with transaction.atomic():
        importing.save(force_insert=True)
        ImportFile.objects.create(import_job=importing, content=content)
        audit.record(actor, "upload", importing, after={"rows": importing.rows})
    return importing


def upload(content: bytes, filename: str, *, actor: Actor, source: str = "", region: str = "") -> ImportJob:
    """Keep the file as a draft import with guessed columns. Raises Unreadable, or BadValue for region or source."""
    return keep(draft(read(content), filename, actor=actor, source=source, region=region), content, actor=actor)


def choose(importing: ImportJob, wishes: Mapping[str, str], **settings: Any) -> None:
    """Write staff's choices: columns, and source, region or campaign_id. Raises ValueError or BadValue.

    An earlier check no longer holds and is thrown away.
    """
    importing.mapping = mapping_of.chosen(importing.columns, importing.mapping, wishes)
    if "source" in settings:
        importing.source = clean_text(settings["source"], 60)
    if "region" in settings:
        importing.region = clean_region(settings["region"])
    if "campaign_id" in settings:
        importing.campaign_id = settings["campaign_id"]
    forget_check(importing)
    importing.save()


def forget_check(importing: ImportJob) -> None:
    """Throw the check away, and with it the examples of rows that its result holds."""
    if importing.job and importing.job.kind == CHECK:
        jobs.request_stop(importing.job)
        job, importing.job = importing.job, None
        importing.save(update_fields=["job"])
        job.delete()


def check(importing: ImportJob) -> Job:
    """The job that counts what the import would do: one that has been begun, or a new one."""
    if importing.job:
        return importing.job
    arguments = {"import": importing.pk}
    if importing.rows <= CHECKED_AT_ONCE:
        importing.job = jobs.run_here(CHECK, arguments, by=importing.created_by, total=importing.rows)
        importing.save(update_fields=["job"])
    else:
        with transaction.atomic():
            importing.job = jobs.enqueue(CHECK, arguments, by=importing.created_by, total=importing.rows)
            importing.save(update_fields=["job"])
    return importing.job


def run(importing: ImportJob, *, actor: Actor) -> Job:
    """Let the worker import the file. Twice is once: the job that runs, or has run, is returned."""
    with transaction.atomic():
        importing = ImportJob.objects.select_for_update(of=("self",)).get(pk=importing.pk)
        forget_check(importing)
        if importing.job is None:
            audit.record(actor, "import", importing, after={"rows": importing.rows})
            importing.job = jobs.enqueue(RUN, _arguments(importing, actor), by=actor.user, total=importing.rows)
            importing.save(update_fields=["job"])
    return importing.job


def run_here(importing: ImportJob, *, actor: Actor, watch: Watch | None = None) -> Job:
    """Import the file in this process, without a worker."""
    audit.record(actor, "import", importing, after={"rows": importing.rows})
    job = jobs.run_here(RUN, _arguments(importing, actor), by=actor.user, total=importing.rows, watch=watch)
    ImportJob.objects.filter(pk=importing.pk).update(job=job)
    return job


def _arguments(importing: ImportJob, actor: Actor) -> dict[str, str]:
    return {"import": importing.pk, "via": actor.via}


def table_of(importing: ImportJob) -> Table:
    """The kept file as a table. Raises jobs.Refused when it is gone."""
    kept = ImportFile.objects.filter(pk=importing.pk).first()
    if kept is None:
        raise jobs.Refused("The file is no longer kept; upload it again.")
    try:
        return read(bytes(kept.content))
    except Unreadable as error:
        raise jobs.Refused(str(error)) from None


def reading_of(importing: ImportJob) -> Reading:
    return Reading(importing.columns, importing.mapping, importing.region, importing.source)
