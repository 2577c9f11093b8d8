"""Real processes beside the test: `manage.py` on the test's own database, and a Redis."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from tests import services
from tests.environment import ENVIRONMENT, SCRATCH


def database_url() -> str:
    """The test's database, as another process must be told of it."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    parts = connection.settings_dict
    who = f"{parts['USER']}:{parts['PASSWORD']}@" if parts["USER"] else ""
    where = f"{parts['HOST']}:{parts['PORT']}" if parts["PORT"] else parts["HOST"]
    if where.startswith("/"):  # a socket's folder: the URL's path begins after an empty host
        where = f"/{where}"
    return f"postgres://{who}{where}/{name}"


class Manage:
    """Runs `manage.py` with the real settings. Keywords are environment variables; `kill_all` ends what still runs."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.logs: list[Path] = []
        self.environment = os.environ | ENVIRONMENT | {"DJANGO_SETTINGS_MODULE": "retention_center.settings"}
        self.environment["DATABASE_URL"] = database_url()

    def run(self, *arguments: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run to the end; the caller looks at `returncode`, `stdout` and `stderr`."""
        return subprocess.run(timeout=timeout, capture_output=True, **self._how(arguments, environment))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start in a session of its own, so that `kill_group` reaches its children too."""
        log = SCRATCH / f"{arguments[0]}-{len(self.started)}-{os.getpid()}.log"
        with log.open("w") as output:
            how = self._how(arguments, environment)
            process = subprocess.Popen(start_new_session=True, stdout=output, stderr=output, **how)
        self.started.append(process)
        self.logs.append(log)
        return process

    def kill_group(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL, for the process and everything it started: what a power cut or the kernel's OOM killer does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_all(self) -> None:
        """End what still runs, and print what each said, which pytest shows beside a failure."""
        for process in self.started:
            self.kill_group(process)
        for log in self.logs:
            print(f"{log.name}\n{log.read_text()[-4000:]}")

    def _how(self, arguments: tuple[str, ...], environment: dict[str, str]) -> dict[str, Any]:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
        return {"args": command, "env": self.environment | environment, "text": True}


def wait_until(true: Callable[[], Any], *, seconds: float = 20, pause: float = 0.05) -> Any:
    """Ask again and again; the first true answer, or an AssertionError when the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := true():
            return answer
        time.sleep(pause)
    raise AssertionError(f"Nothing true within {seconds} s.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def redis() -> Iterator[str]:
    """The address of a Redis that keeps nothing and ends with the context."""
    port = free_port()
    command = [services.redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([*command, "--loglevel", "warning", "--dir", str(SCRATCH)])
    try:
        wait_until(lambda: _listens(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
