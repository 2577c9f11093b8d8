import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retention_center import backups
from retention_center.lib import clock


class Command(BaseCommand):
    help = "Writes a backup of the whole database to a new FILE, while everything runs. Keep the keys beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: Any) -> None:
        began = clock.monotonic()
        try:
            backups.make(file, clock.now())
        except backups.CannotCopy as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps({"bytes": file.stat().st_size, "seconds": round(clock.monotonic() - began, 3)}))
