"""Workers that start in a moment: real processes of the processor, forked from one that has everything imported.

Run as a program it reads one line for each worker it shall start (the time it decides by), and prints its pid.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings

from tests.environment import ENVIRONMENT
from tests.processes import database_url

SETTINGS = "tests.effects_settings"


class Workers:
    """Starts workers on the test's database (or another), each of which runs until nothing is due."""

    def __init__(self, now: str, *, database: str = "", **environment: str) -> None:
        self.now = now
        self.pids: set[int] = set()
        known = os.environ | ENVIRONMENT | {"DJANGO_SETTINGS_MODULE": SETTINGS}
        known |= {"DATABASE_URL": database or database_url(), "PYTHONPATH": str(settings.BASE_DIR)} | environment
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.forking"],
            cwd=settings.BASE_DIR,
            env=known,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.nursery.communicate("")
        self.nursery.wait()

    def start(self) -> int:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(f"{self.now}\n")
        self.nursery.stdin.flush()
        pid = int(self.nursery.stdout.readline())
        self.pids.add(pid)
        return pid

    def living(self) -> set[int]:
        self.pids = {pid for pid in self.pids if is_alive(pid)}
        return self.pids

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        self.wait_for(pid)

    def wait_for(self, pid: int, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while is_alive(pid):
            assert time.monotonic() < until, f"The worker {pid} did not end within {seconds} s."
            time.sleep(0.01)
        self.pids.discard(pid)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main() -> None:
    # Set up here, in the process that does nothing else
    import django  # noqa: PLC0415

    django.setup()
    from django.utils.dateparse import parse_datetime  # noqa: PLC0415

    from retention_center.lib import draining  # noqa: PLC0415
    from sequences import processor  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
            continue
        sys.stdin.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        draining.on_signals()
        processor.run(parse_datetime(line.strip()), until_idle=True)
        os._exit(0)


if __name__ == "__main__":
    main()
