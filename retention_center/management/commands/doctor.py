import json
import sys
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError

from retention_center import doctor, restoring
from retention_center.lib import clock

log = structlog.get_logger(__name__)
CLEAN, ALARMS, VIOLATIONS, NOT_CHECKED = range(4)


class Command(BaseCommand):
    help = "Checks every promise over the whole database: exit 0 clean, 1 alarms, 2 violations, 3 could not check."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", metavar="ID", nargs="+", default=[], help="Only these checks, such as INV-7.")
        parser.add_argument("--fix", action="store_true", help="Repair what can be repaired safely, and say what.")
        parser.add_argument(
            "--after-restore",
            action="store_true",
            help="First hold everything for staff: this database was restored from a backup.",
        )

    def handle(self, *, only: list[str], fix: bool, after_restore: bool, **options: Any) -> None:
        began = clock.monotonic()
        known = {check.id for check in doctor.checks()}
        if unknown := sorted(set(only) - known):
            raise CommandError(f"There is no check {unknown[0]}; there are {', '.join(sorted(known))}.", returncode=3)
        try:
            if after_restore:
                held = restoring.hold_everything(clock.now(), doctor.ACTOR)
                self.stderr.write(
                    f"Sending is stopped until staff release it; {held} contacts wait for their decision."
                )
            findings = self._examine(only, fix=fix)
        except Exception as error:  # a database that cannot be asked is the finding
            log.exception("doctor_could_not_check")
            raise CommandError("The database could not be asked; the log has the details.", returncode=3) from error
        for finding in findings:
            self.stdout.write(str(finding))
        violations = sum(finding.check.severity == doctor.VIOLATION for finding in findings)
        alarms = len(findings) - violations
        seconds = round(clock.monotonic() - began, 3)
        counts = {"invariants": len(only or known), "violations": violations, "alarms": alarms, "seconds": seconds}
        self.stdout.write(json.dumps(counts))
        if findings:
            sys.exit(VIOLATIONS if violations else ALARMS)

    def _examine(self, only: list[str], *, fix: bool) -> list[doctor.Finding]:
        """What is broken, after the repairs if they are wanted."""
        findings = doctor.examine(clock.now(), only=only)
        if not fix or not findings:
            return findings
        for finding, changed in doctor.repair(findings, clock.now()):
            told = f"repaired: {changed}" if changed is not None else "not repaired: only people can decide about it"
            self.stdout.write(f"{finding.check.id} {told}")
        return doctor.examine(clock.now(), only=only)
