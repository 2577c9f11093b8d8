"""`manage.py make_demo [--leads N]`: fills an empty database with ninety days of invented work."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversions.demo.build import NotEmpty, build
from retention_center.lib import clock

DEFAULT_LEADS = 5200


class Command(BaseCommand):
    help = "Fill an empty database with demo data: leads, campaigns, sequences, attempts and conversions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--leads", type=int, default=DEFAULT_LEADS, help=f"How many leads ({DEFAULT_LEADS}).")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["leads"] < 1:
            raise CommandError("--leads must be 1 or more.")
        began = clock.monotonic()
        try:
            counts = build(options["leads"], clock.now())
        except NotEmpty as refusal:
            raise CommandError(str(refusal)) from refusal
        counts["seconds"] = round(clock.monotonic() - began, 1)  # type: ignore[assignment]
        self.stdout.write(json.dumps(counts))
