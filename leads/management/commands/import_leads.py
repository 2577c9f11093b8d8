"""``import_leads FILE``: a CSV or Excel file of leads, imported in this process, no worker needed."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from leads.identity import BadValue
from leads.importing import rejected, start
from leads.importing.check import preview
from leads.importing.read import Table, Unreadable, read
from leads.importing.run import counts
from leads.models import ImportJob
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.models import Job

ACTOR = Actor("import_leads", "command")


class Command(BaseCommand):
    help = "Import leads from a CSV or Excel file. The same file again creates and changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default="", help="where these leads come from; beats a source column")
        parser.add_argument("--region", default="", help="country of phone numbers without a country code")
        parser.add_argument(
            "--campaign", default="", metavar="ID", help="put every lead of the file into this campaign"
        )
        parser.add_argument("--map", nargs="+", action="extend", default=[], metavar="COLUMN=FIELD")
        parser.add_argument("--dry-run", action="store_true", help="count what would happen, write nothing")

    def handle(self, *_args: Any, **options: Any) -> None:
        began = clock.monotonic()
        try:
            content = options["file"].read_bytes()
            table = read(content)
            importing = start.draft(
                table,
                options["file"].name,
                actor=ACTOR,
                source=options["source"],
                region=options["region"],
                wishes=_wishes(options["map"]),
            )
        except (OSError, Unreadable, BadValue, ValueError) as error:
            raise CommandError(getattr(error, "strerror", None) or str(error)) from None
        importing.campaign_id = options["campaign"]
        self.stderr.write(f"{importing.rows:,} rows; {_matched(importing)}")
        report = self._check(importing, table) if options["dry_run"] else self._run(importing, content)
        self.stdout.write(json.dumps(report | {"seconds": round(clock.monotonic() - began, 3)}))

    def _check(self, importing: ImportJob, table: Table) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in preview(table.records, start.reading_of(importing), clock.now()):
            self.stderr.write(f"checked {one.rows:,} of {importing.rows:,}")
            found = one.as_json()
        wanted = ("rows", "created", "updated", "unchanged", "invalid", "warnings")
        return {name: found[name] for name in wanted} | {"rejected_file": None}

    def _run(self, importing: ImportJob, content: bytes) -> dict[str, Any]:
        start.keep(importing, content, actor=ACTOR)
        job = start.run_here(importing, actor=ACTOR, watch=self._tell)
        if job.status != Job.Status.DONE:
            raise CommandError(job.error or "The import was stopped.")
        importing.refresh_from_db()
        path = None
        if importing.invalid:
            path = rejected.write(importing, settings.VAR / "rejected" / f"{importing.pk}.csv")
        return counts(importing) | {"rejected_file": str(path) if path else None}

    def _tell(self, done: int, result: dict[str, Any]) -> None:
        self.stderr.write(f"{done:,} rows done, {result.get('created', 0):,} new")


def _wishes(pairs: list[str]) -> dict[str, str]:
    """``column=field`` each; a field may be written ``firstName`` or ``first_name``, and blank means a custom field."""
    wishes = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        if not equals:
            raise ValueError(f"“{pair}” is not COLUMN=FIELD.")
        wishes[column] = start.mapping_of.plain(field).replace(" ", "_") if field != "meta" else ""
    return wishes


def _matched(importing: ImportJob) -> str:
    known = {column: field for column, field in importing.mapping.items() if field}
    return ", ".join(f"{column} is {field}" for column, field in known.items()) or "no column was recognised"
