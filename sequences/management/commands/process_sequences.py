import json
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_default_timezone, is_naive

from retention_center.lib import draining
from sequences import processor


class Command(BaseCommand):
    help = "Reconcile, apply waiting events, enroll by triggers and send what is due: one round, or until idle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", metavar="ISO", help="Decide as if it were this time (ISO 8601).")
        parser.add_argument("--until-idle", action="store_true", help="Go on until nothing is due.")

    def handle(self, **options: Any) -> None:
        draining.on_signals()
        counts = processor.run(_moment(options["now"]), until_idle=options["until_idle"])
        self.stdout.write(json.dumps(counts))


def _moment(text: str | None) -> datetime | None:
    """The time in the option; one without an offset is the organisation's."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--now is no time: {error}. Write it as 2026-02-21T09:00:00Z.") from error
    if moment is None:
        raise CommandError("--now is no time. Write it as 2026-02-21T09:00:00Z.")
    return moment.replace(tzinfo=get_default_timezone()) if is_naive(moment) else moment
