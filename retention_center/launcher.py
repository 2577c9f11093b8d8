"""Runs the web server and the workers side by side, and ends them as each needs it.

Every part is a process in a session of its own, so that Ctrl-C reaches only the launcher. A part is stopped by
its own pid: a signal to django-q2's whole group would kill its workers in mid-task and hang their parent.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog

from retention_center.lib import clock

log = structlog.get_logger(__name__)
LOOK_EVERY = 0.2  # seconds
RESTARTS_ALLOWED = 5
RESTARTS_WITHIN = 60.0  # seconds
PR_SET_PDEATHSIG = 1


@dataclass
class Part:
    """One process to keep alive; ``patience`` is how many seconds it may take to end by itself."""

    name: str
    command: Sequence[str]
    patience: float
    process: subprocess.Popen | None = None
    restarts: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS_ALLOWED))

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - the command is ours
            self.command, start_new_session=True, stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent
        )

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_end(self) -> None:
        if self.process is not None and self.is_running():
            self.process.terminate()

    def clear_away(self) -> None:
        """Kill what is left of it: of a dead cluster the children live on, and would go on taking tasks."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def fails_too_often(self) -> bool:
        """Count one more death: whether there were too many within the last minute."""
        at = clock.monotonic()
        self.restarts.append(at)
        return len(self.restarts) == RESTARTS_ALLOWED and at - self.restarts[0] < RESTARTS_WITHIN


class Launcher:
    """Keeps parts running until SIGTERM or SIGINT, then ends them in the order given; a second signal kills."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.signals = 0

    def run(self) -> int:
        """The exit code: 0 after a clean stop, 1 when a part could not be kept alive or had to be killed."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        for part in reversed(self.parts):  # the web server, which ends last, starts first
            part.start()
        kept_alive = self._watch()
        ended_well = [self._end(part) for part in self.parts]
        return 0 if kept_alive and all(ended_well) else 1

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1

    def _watch(self) -> bool:
        """Start again whatever dies, until asked to stop; False when something ends itself again and again."""
        while not self.signals:
            for part in self.parts:
                if not part.is_running() and not self._revive(part):
                    return False
            clock.sleep(LOOK_EVERY)
        return True

    def _revive(self, part: Part) -> bool:
        code = part.process.returncode if part.process else 0
        part.clear_away()
        # Killed from outside (a negative code) is no failure of its own, however often it happens
        if code >= 0 and part.fails_too_often():
            log.error("part_keeps_failing", part=part.name, code=code)
            return False
        log.warning("part_died", part=part.name, code=code)
        part.start()
        return True

    def _end(self, part: Part) -> bool:
        """Ask it to end and wait; whether it did before its patience was over."""
        before = self.signals
        part.ask_to_end()
        deadline = clock.monotonic() + part.patience
        while part.is_running() and clock.monotonic() < deadline and self.signals <= max(before, 1):
            clock.sleep(LOOK_EVERY)
        ended = not part.is_running()
        part.clear_away()
        return ended


def _end_with_parent() -> None:
    """On Linux, a part gets SIGTERM when the launcher is killed, so that no orphan keeps the port or the queue."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
