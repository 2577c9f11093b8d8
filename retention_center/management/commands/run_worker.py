"""The prompt clock: runs the tick every second or so, where django-q2's schedules know only minutes."""

from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils.module_loading import import_string

from retention_center.lib import clock, draining

log = structlog.get_logger(__name__)
TICK = 5.0  # seconds
IDLE = 2.0  # seconds to the next tick after one that found nothing
AFTER_ERROR = 15.0
SLICE = 0.2


class Command(BaseCommand):
    help = "Looks for due work all the time, until SIGTERM. Any number may run, on any number of machines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Look once, then end.")

    def handle(self, *, once: bool, **options: Any) -> None:
        draining.on_signals()
        tick = import_string(settings.SCHEDULES["tick"][0])
        while not draining.is_asked():
            pause = self._run(tick)
            if once:
                break
            self._rest(pause)

    def _run(self, tick: Any) -> float:
        """One tick; how long to rest after it. An error is told and tried again: the database may be away."""
        close_old_connections()
        try:
            report = tick(seconds=TICK)
        except Exception:
            log.exception("tick_failed")
            return AFTER_ERROR
        return 0 if report["due"] else IDLE

    def _rest(self, seconds: float) -> None:
        until = clock.monotonic() + seconds
        while not draining.is_asked() and clock.monotonic() < until:
            clock.sleep(SLICE)
