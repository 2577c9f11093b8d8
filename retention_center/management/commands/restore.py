import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from retention_center import backups, restoring
from retention_center.audit import Actor
from retention_center.lib import clock
from retention_center.models import AuditEvent


class Command(BaseCommand):
    help = "Replaces the database by a backup and holds all sending until staff release it. Stop everything first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="Replace a database that is in use, with all it holds.")

    def handle(self, *, file: Path, yes: bool, **options: Any) -> None:
        if not yes and self._holds_something():
            raise CommandError("This database is not empty, and all it holds would be replaced. Say --yes to do so.")
        try:
            backups.put_back(file)
        except backups.CannotCopy as error:
            raise CommandError(str(error)) from error
        call_command("migrate", verbosity=0)
        held = restoring.hold_everything(clock.now(), Actor("restore", "command"))
        self.stderr.write("Sending is stopped. Look at what waits at /catch-up/, then press Resume sending.")
        self.stdout.write(json.dumps({"held": held}))

    def _holds_something(self) -> bool:
        try:
            return AuditEvent.objects.exists()
        except DatabaseError:  # no tables yet
            return False
